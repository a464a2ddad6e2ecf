import { expect, test } from "vitest";

import { randn, tensor } from "../../runtime/index.ts";

test("a quarter turn takes (x, y) to (-y, x), and leaves what belongs to no pair", async () => {
  const x = tensor([[[[2, 3, 5]]]]);
  const turned = await x.turn(tensor([[[[0]]]]), tensor([[[[1]]]])).numbers();
  expect(Array.from(turned)).toEqual([-3, 2, 5]);
});

test("angles for another number of positions are refused", () => {
  const x = randn([2, 3, 2, 4], { seed: 1 });
  const angles = randn([1, 4, 1, 2], { seed: 2 });
  expect(() => x.turn(angles, angles)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: turn: cannot turn [2, 3, 2, 4] by angles [1, 4, 1, 2] and [1, 4, 1, 2].
      fix: turn [batch, pos, head, size] by two [batch or 1, pos, 1, n], where 2 n is at most size.]
  `);
});

test.each([
  ["more pairs than a head has", [1, 3, 1, 3]],
  ["rows that are neither one nor the batch", [4, 3, 1, 2]],
  ["angles by head", [1, 3, 2, 2]],
])("%s are refused", (_, shape) => {
  const x = randn([2, 3, 2, 4], { seed: 1 });
  const angles = randn(shape, { seed: 2 });
  expect(() => x.turn(angles, angles)).toThrow("cannot turn [2, 3, 2, 4] by angles");
});
