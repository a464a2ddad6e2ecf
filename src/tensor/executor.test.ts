// This file loads no runtime on purpose: it tests what happens without one.

import { expect, test } from "vitest";

import { PatchClampError } from "../core/errors.ts";
import { evaluate } from "./evaluate.ts";
import { configure, executor, installExecutor } from "./executor.ts";
import { tensor } from "./ops/creation.ts";
import { clip } from "./ops/elementwise.ts";

test("without a runtime a graph is traced, and running it says what is missing", async () => {
  const y = clip(tensor([1]), { min: 2 });
  expect(y.shape).toEqual([1]);
  await expect(evaluate([y])).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: evaluate: no runtime is loaded, so a traced graph cannot run.
      fix: import from "patchclamp" or "patchclamp/tensor", which load one.]
  `);
  await expect(configure({})).rejects.toThrow(PatchClampError);
});

test("data needs no runtime to be read back", async () => {
  expect(await tensor([1, 2]).data()).toEqual(Float32Array.of(1, 2));
});

test("the executor installed last is the one that runs", () => {
  const own = {
    configure: async () => undefined,
    prepare: async () => ({ run: async () => [] }),
  };
  installExecutor(own);
  expect(executor()).toBe(own);
});
