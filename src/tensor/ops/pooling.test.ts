import { expect, test } from "vitest";

import { gradients, randn, tensor } from "../../runtime/index.ts";
import { avgPool, maxPool } from "./pooling.ts";

test("windows lie side by side unless a stride says otherwise", async () => {
  const x = tensor([[[1, 5, 2, 4, 9]]]);
  expect(await maxPool(x, { kernel: 2 }).data()).toEqual(Float32Array.of(5, 4));
  expect(await maxPool(x, { kernel: 2, stride: 1 }).data()).toEqual(Float32Array.of(5, 5, 4, 9));
});

test("padding never wins a maximum", async () => {
  const x = tensor([[[-3, -2, -7]]]);
  const y = maxPool(x, { kernel: 3, stride: 1, padding: 1 });
  expect(await y.data()).toEqual(Float32Array.of(-2, -2, -2));
  const [dx] = gradients(y.sum(), [x]);
  expect(await dx!.data()).toEqual(Float32Array.of(0, 3, 0));
});

test("where values tie for the maximum, the first gets the whole gradient", async () => {
  const x = tensor([
    [
      [
        [2, 2],
        [2, 2],
      ],
    ],
  ]);
  const [dx] = gradients(maxPool(x, { kernel: 2 }).sum(), [x]);
  expect(await dx!.data()).toEqual(Float32Array.of(1, 0, 0, 0));
});

test("padding counts as zeros in a mean", async () => {
  const y = avgPool(tensor([[[3, 3, 3]]]), { kernel: 3, stride: 1, padding: 1 });
  expect(await y.data()).toEqual(Float32Array.of(2, 3, 2));
});

test("poolings of no window, of padding only and of the wrong rank are refused", () => {
  const x = randn([1, 2, 5], { seed: 1 });
  expect(() => maxPool(x, { kernel: 6 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: maxPool: the kernel covers 6 positions of axis 2, but the padded input has 5.
      fix: use a smaller kernel or more padding.]
  `);
  expect(() => avgPool(x, { kernel: 2, padding: 2 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: avgPool: a padding of 2 makes windows of padding only, as the kernel is [2].
      fix: pad with less than the size of the window.]
  `);
  expect(() =>
    maxPool(randn([2, 5], { seed: 1 }), { kernel: 2 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: maxPool: expected [batch, channels, length] or [batch, channels, height, width], got [2, 5].]`,
  );
});
