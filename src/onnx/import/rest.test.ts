import { expect, test } from "vitest";

import type { NodeForm, NodeInput } from "../../../test/onnx-engine.ts";
import { difference, drawn, expectAgreement, input, traced } from "../../../test/onnx-engine.ts";
import { Rng } from "../../core/rng.ts";
import type { Tensor } from "../../runtime/index.ts";

const named = (name: string): string => `com.microsoft.${name}`;

test("operators that ONNX has too are the engine's", async () => {
  await expectAgreement(({ one, whole, normals }) => {
    const [x, diagonal] = [normals(3, 4), input([], [whole(-2, 2)], "int64")];
    return one<NodeForm>(
      { opType: named("Trilu"), attrs: { upper: whole(0, 1) }, inputs: [x, diagonal] },
      { opType: named("ExpandDims"), inputs: [x, input([], [whole(-3, 2)], "int32")] },
      { opType: named("Range"), inputs: [1, 9, 2].map((n) => input([], [n])) },
      { opType: named("Range"), inputs: [1, 9].map((n) => input([], [n])) },
      {
        opType: named("Pad"),
        attrs: { mode: "constant" },
        inputs: [x, input([4], [1, 0, 0, whole(0, 2)], "int64"), input([1], [7])],
      },
      { opType: named("GatherND"), inputs: [x, input([2, 1], [2, 0], "int64")] },
      {
        opType: named("GridSample"),
        attrs: { mode: one("bilinear", "nearest", "bicubic"), align_corners: whole(0, 1) },
        inputs: [normals(1, 2, 4, 5), normals(1, 3, 2, 2)],
      },
    );
  });
});

test("inverses, distances and regions are the engine's", async () => {
  await expectAgreement(({ one, normals }) =>
    one<NodeForm>(
      { opType: named("Inverse"), inputs: [normals(2, 3, 3)] },
      {
        opType: named("CDist"),
        attrs: { metric: one("sqeuclidean", "euclidean") },
        inputs: [normals(3, 4), normals(2, 4)],
      },
      {
        opType: "MaxRoiPool",
        attrs: { pooled_shape: [2, 1], spatial_scale: { float: 1 } },
        inputs: [normals(1, 2, 5, 6), input([2, 5], [0, 0, 0, 3, 4, 0, 1, 1, 4, 2])],
      },
    ),
  );
});

test("weights that stand for numbers of a table make the engine's product", async () => {
  await expectAgreement(({ normals, wholes, whole }) => ({
    opType: named("MatMulBnb4"),
    attrs: { K: 16, N: 3, block_size: 16, quant_type: whole(0, 1) },
    inputs: [normals(2, 16), wholes([24], 0, 256, "uint8"), normals(3)],
  }));
});

test("a mixture of experts is the engine's", async () => {
  await expectAgreement(({ normals }) => ({
    opType: named("MoE"),
    attrs: { k: 1, activation_type: "relu" },
    inputs: [normals(5, 4), normals(5, 2), normals(2, 8, 4), normals(2, 8), normals(2, 4, 8)],
  }));
});

const numbersOf = async (
  tensors: readonly Tensor[],
): Promise<{ shape: readonly number[]; numbers: number[] }[]> =>
  Promise.all(
    tensors.map(async (x) => ({ shape: x.shape, numbers: Array.from(await x.numbers()) })),
  );

/** Expects that a node makes what other tensors are: the engine has no kernel for it on a processor. */
async function expectSame(form: NodeForm, want: readonly Tensor[]): Promise<void> {
  const both = { ours: await numbersOf(traced(form)), engine: await numbersOf(want) };
  // float32, sums of few numbers
  expect(difference(both)).toBeLessThan(1e-5);
}

const rng = new Rng(1);
const image = drawn(rng, [2, 3, 2, 4]);
const [gain, bias] = [drawn(rng, [4]), drawn(rng, [4])];

/** The image with channels first, where ONNX has its norm. */
const turned = (x: NodeInput): NodeInput => {
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const at = Array.from({ length: x.data.length }, (_, i) => {
    const [batch, channel, place] = [
      Math.floor(i / (c * h * w)),
      Math.floor(i / (h * w)) % c,
      i % (h * w),
    ];
    return Number(x.data[(batch * h * w + place) * c + channel]);
  });
  return input([n, c, h, w], at);
};

const groupNormOf = (x: NodeInput): Tensor =>
  traced({
    opType: "GroupNormalization",
    attrs: { num_groups: 2 },
    inputs: [turned(x), gain, bias],
  })[0]!;

test("a group norm with channels last is the one with channels first, turned", async () => {
  const attrs = { groups: 2, channels_last: 1 };
  const want = groupNormOf(image).transpose([0, 2, 3, 1]);
  await expectSame({ opType: named("GroupNorm"), attrs, inputs: [image, gain, bias] }, [want]);
  const active = { opType: named("GroupNorm"), attrs: { ...attrs, activation: 1 } };
  await expectSame({ ...active, inputs: [image, gain, bias] }, [want.mul(want.sigmoid())]);
  const first = { ...attrs, channels_last: 0 };
  await expectSame(
    { opType: named("GroupNorm"), attrs: first, inputs: [turned(image), gain, bias] },
    [groupNormOf(image)],
  );
});

test("a group norm of a sum gives the sum too", async () => {
  const doubled = input(
    image.shape,
    Array.from(image.data as Float32Array, (v) => 2 * v),
  );
  const inputs = [image, gain, bias, image];
  const attrs = { groups: 2 };
  await expectSame({ opType: named("SkipGroupNorm"), attrs, inputs, outputs: [true, true] }, [
    groupNormOf(doubled).transpose([0, 2, 3, 1]),
    traced({ opType: "Identity", inputs: [doubled] })[0]!,
  ]);
});

test("a convolution with channels last is the one with channels first, turned", async () => {
  const w = drawn(rng, [5, 2, 1, 4]);
  const [want] = traced({
    opType: "Conv",
    attrs: { strides: [1, 2], pads: [0, 0, 1, 0] },
    inputs: [turned(image), turned(w), drawn(new Rng(9), [5])],
  });
  const attrs = { strides: [1, 2], pads: [0, 0, 1, 0] };
  const inputs = [image, w, drawn(new Rng(9), [5])];
  await expectSame({ opType: named("NhwcConv"), attrs, inputs }, [want!.transpose([0, 2, 3, 1])]);
});

test("sums with a bias, and halves of one times the GELU of the other", async () => {
  const [x] = traced({ opType: "Identity", inputs: [image] });
  const [b] = traced({ opType: "Identity", inputs: [bias] });
  await expectSame({ opType: named("BiasAdd"), inputs: [image, bias, image] }, [x!.mul(2).add(b!)]);
  const [values, gate] = x!.add(b!).split({ axis: 3, sizes: [2, 2] });
  await expectSame({ opType: named("BiasSplitGelu"), inputs: [image, bias] }, [
    values!.mul(gate!.gelu()),
  ]);
});

test("channels that do not make groups or halves are refused, and so are searches", () => {
  const norm = { opType: named("GroupNorm"), attrs: { groups: 3 }, inputs: [image, gain, bias] };
  expect(() => traced(norm)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (com.microsoft.GroupNorm) makes 3 groups of [2, 3, 2, 4].]`,
  );
  const odd = drawn(rng, [2, 3]);
  const halves = { opType: named("BiasSplitGelu"), inputs: [odd, drawn(rng, [3])] };
  expect(() => traced(halves)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (com.microsoft.BiasSplitGelu) splits 3 channels in two.]`,
  );
  const search = { opType: named("BeamSearch"), inputs: [odd] };
  expect(() => traced(search)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (com.microsoft.BeamSearch) searches for texts by itself, by steps that values decide.]`,
  );
});
