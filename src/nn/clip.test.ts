import { expect, test } from "vitest";

import { evaluate, tensor } from "../runtime/index.ts";
import { clipByGlobalNorm } from "./clip.ts";

const grads = { a: tensor([3, 0]), b: [tensor([[4]])] };

test("gradients above the limit are scaled to it, all by one factor", async () => {
  const { grads: clipped, norm } = clipByGlobalNorm(grads, 1);
  await evaluate([norm, clipped.a, clipped.b[0]!]);
  expect(await norm.item()).toBe(5);
  expect(Array.from(await clipped.a.numbers())).toEqual([Math.fround(3 * Math.fround(0.2)), 0]);
  expect(await clipped.b[0]!.item()).toBe(Math.fround(4 * Math.fround(0.2)));
});

test("gradients at or below the limit stay exactly as they are", async () => {
  const { grads: kept, norm } = clipByGlobalNorm(grads, 5);
  expect(Array.from(await kept.a.numbers())).toEqual([3, 0]);
  expect(await norm.item()).toBe(5);
});

test("gradients of zero stay zero", async () => {
  const { grads: kept, norm } = clipByGlobalNorm({ a: tensor([0, 0]) }, 1);
  expect(Array.from(await kept.a.numbers())).toEqual([0, 0]);
  expect(await norm.item()).toBe(0);
});

test("a limit of zero is refused", () => {
  expect(() => clipByGlobalNorm(grads, 0)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: clipByGlobalNorm: maxNorm is 0, not a number above 0.]`,
  );
});
