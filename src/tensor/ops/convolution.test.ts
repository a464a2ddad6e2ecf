import { expect, test } from "vitest";

import { account, gradients, randn, tensor } from "../../runtime/index.ts";
import type { Tensor } from "../tensor.ts";
import { conv1d, conv2d } from "./convolution.ts";
import type { ConvOptions } from "./convolution.ts";

const at = (i: number, length: number): number[] =>
  Array.from({ length }, (_, j) => Number(i === j));

test("a kernel of one 1 shifts the sequence and does not turn it round", async () => {
  const x = tensor([[[1, 2, 3, 4]]]);
  expect(await conv1d(x, tensor([[at(0, 3)]]), { padding: 1 }).data()).toEqual(
    Float32Array.of(0, 1, 2, 3),
  );
  expect(await conv1d(x, tensor([[at(2, 3)]]), { padding: 1 }).data()).toEqual(
    Float32Array.of(2, 3, 4, 0),
  );
});

test("a convolution padded before only is causal: no output changes with a later input", async () => {
  const w = randn([4, 1, 3], { seed: 1 });
  const at4 = (value: number): Promise<ArrayLike<number>> => {
    const x = tensor([[0, 1, 2, 3].map((c) => [0.5, -1, c, value, 0.25])]);
    return conv1d(x, w, { padding: [[2, 0]], groups: 4 }).numbers();
  };
  const [one, other] = [await at4(1), await at4(-9)];
  for (let i = 0; i < 20; i++) expect(Object.is(one[i], other[i])).toBe(i % 5 < 3);
});

test("the bias is added to every output of its channel", async () => {
  const x = tensor([
    [
      [
        [0, 0],
        [0, 0],
      ],
    ],
  ]);
  const y = conv2d(x, randn([2, 1, 1, 1], { seed: 1 }), { bias: tensor([3, -1]) });
  expect(await y.data()).toEqual(Float32Array.of(3, 3, 3, 3, -1, -1, -1, -1));
});

test("a convolution costs two operations for every product", () => {
  const y = conv2d(randn([2, 4, 6, 6], { seed: 1 }), randn([8, 2, 3, 3], { seed: 2 }), {
    groups: 2,
  });
  expect(account([y]).flops).toBe(2 * (2 * 8 * 4 * 4) * (2 * 3 * 3));
});

test("windows that tile the image give what the sliding convolution gives, and its gradients", async () => {
  const x = randn([2, 3, 5, 6], { seed: 1 });
  const w = randn([4, 3, 2, 3], { seed: 2 });
  const bias = randn([4], { seed: 3 });
  const tiled = conv2d(x, w, { bias, stride: [2, 3] });
  // One more row of padding adds no window, but rules the matrix product out.
  const slid = conv2d(x, w, { bias, stride: [2, 3], padding: [0, [0, 1]] });
  expect(tiled.node.op.name).not.toBe("conv");
  expect(slid.node.op.name).toBe("conv");
  expect(tiled.shape).toEqual([2, 4, 2, 2]);
  const loss = (y: Tensor): Tensor => y.square().sum();
  const pairs: [Tensor, Tensor][] = [[tiled, slid]];
  for (const [i, dx] of gradients(loss(tiled), [x, w, bias]).entries()) {
    pairs.push([dx, gradients(loss(slid), [x, w, bias])[i]!]);
  }
  for (const [one, other] of pairs) {
    const [a, b] = [await one.numbers(), await other.numbers()];
    expect(a.length).toBe(b.length);
    // 18 products of order 1, squared and summed over 16 outputs, in float32
    for (let i = 0; i < a.length; i++) expect(Math.abs(a[i]! - b[i]!)).toBeLessThan(1e-4);
  }
});

test.each([
  ["as it is", {}],
  ["padded", { padding: 3 }],
  [
    "padded unevenly",
    {
      padding: [
        [1, 4],
        [0, 2],
      ],
    },
  ],
  ["in strides, dilated", { padding: 4, stride: [2, 3], dilation: [1, 2] }],
] as const)(
  "single channels of a narrow image %s give what those of a wide one give, and its gradients",
  async (_, { padding = 0, ...rest }: ConvOptions) => {
    const x = randn([2, 3, 8, 10], { seed: 1 });
    const w = randn([3, 1, 6, 5], { seed: 2 });
    const bias = randn([3], { seed: 3 });
    const options = { bias, groups: 3, ...rest };
    const narrow = conv2d(x, w, { ...options, padding });
    // zeros beside the image are what padding is, and windows of nothing else are left out again
    const wide = conv2d(x.pad({ axis: 3, before: 0, after: 30 }), w, { ...options, padding });
    const same = wide.slice({ axis: 3, end: narrow.shape[3]! });
    expect(narrow.node.op.name).not.toBe("conv");
    expect(wide.node.op.name).toBe("conv");
    const loss = (y: Tensor): Tensor => y.square().sum();
    const all = (y: Tensor): Tensor[] => [y, ...gradients(loss(y), [x, w, bias])];
    const wanted = all(same);
    for (const [i, one] of all(narrow).entries()) {
      const [a, b] = [await one.numbers(), await wanted[i]!.numbers()];
      expect(a.length).toBe(b.length);
      const scale = Math.max(...b.map(Math.abs));
      // some 500 products of order 1 to 100 are summed in float32
      expect(Math.max(...a.map((value, j) => Math.abs(value - b[j]!)))).toBeLessThan(1e-5 * scale);
    }
  },
);

test("kernels, biases and windows that do not fit are refused", () => {
  const x = randn([1, 4, 8], { seed: 1 });
  expect(() => conv1d(x, randn([2, 3, 3], { seed: 1 }))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: conv1d: the input has 4 channels, the kernel [2, 3, 3] in 1 group(s) takes 3 and gives 2.
      fix: kernels are [out, in / groups, ...size], and groups divides both in and out.]
  `);
  expect(() => conv1d(x, randn([3, 2, 3], { seed: 1 }), { groups: 2 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: conv1d: the input has 4 channels, the kernel [3, 2, 3] in 2 group(s) takes 4 and gives 3.
      fix: kernels are [out, in / groups, ...size], and groups divides both in and out.]
  `);
  expect(() => conv1d(x, randn([2, 4, 9], { seed: 1 }))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: conv1d: the kernel covers 9 positions of axis 2, but the padded input has 8.
      fix: use a smaller kernel or more padding.]
  `);
  expect(() =>
    conv1d(x, randn([2, 4, 3], { seed: 1 }), { bias: tensor([1, 2, 3]) }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: conv1d: the bias is [3], not [2] as the kernel gives 2 channels.]`,
  );
  expect(() => conv2d(x, randn([2, 4, 3], { seed: 1 }))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: conv2d: expected an input and a kernel of rank 4, got [1, 4, 8] and [2, 4, 3].
      fix: inputs are [batch, in, ...space] and kernels [out, in / groups, ...size].]
  `);
});

test("strides, paddings and groups that mean nothing are refused", () => {
  const x = randn([1, 4, 8], { seed: 1 });
  const w = randn([2, 4, 3], { seed: 1 });
  expect(() => conv1d(x, w, { stride: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: conv1d: stride is 0, not 1 integer(s) from 1.]`,
  );
  expect(() => conv1d(x, w, { padding: [1, 1] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: conv1d: padding is [1, 1], not 1 integer(s) from 0.]`,
  );
  expect(() => conv1d(x, w, { padding: [[-1, 0]] })).toThrow(
    "padding is [-1], not 1 integer(s) from 0.",
  );
  expect(() => conv1d(x, w, { dilation: 1.5 })).toThrow(
    "dilation is 1.5, not 1 integer(s) from 1.",
  );
  expect(() => conv1d(x, w, { groups: 0 })).toThrow("groups is 0, not 1 integer(s) from 1.");
});
