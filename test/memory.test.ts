// Long runs: what a step made is free once the next steps have gone on from it.

import { expect, test } from "vitest";

import { compile, tensor } from "../src/runtime/index.ts";
import type { Tensor } from "../src/runtime/index.ts";
import { collectGarbage } from "./garbage.ts";

test("a chain of compiled calls lets go of earlier results", async () => {
  const step = compile((x: Tensor) => x.mul(0.5).add(1));
  const early: WeakRef<Tensor>[] = [];
  const advance = async (x: Tensor): Promise<Tensor> => {
    const next = await step(x);
    early.push(new WeakRef(next));
    return next;
  };
  let x = tensor([1, 2, 3]);
  for (let i = 0; i < 50; i++) x = await advance(x);
  await collectGarbage();
  const alive = early.filter((reference) => reference.deref() !== undefined).length;
  // the last result, and a few that frames of the last calls may still hold
  expect(alive).toBeLessThan(10);
  expect(await x.numbers()).toHaveLength(3);
});
