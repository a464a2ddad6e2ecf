// Long runs: what a step made is free once the next steps have gone on from it.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { expect, test } from "vitest";

import { compile, tensor } from "../src/runtime/index.ts";
import type { Tensor } from "../src/runtime/index.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

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
  await new Promise((resolve) => setImmediate(resolve)); // weak references hold until a task ends
  collectGarbage();
  const alive = early.filter((reference) => reference.deref() !== undefined).length;
  // the last result, and a few that frames of the last calls may still hold
  expect(alive).toBeLessThan(10);
  expect(await x.numbers()).toHaveLength(3);
});
