import { expect, test } from "vitest";

import { compile, tensor } from "../runtime/index.ts";
import { fromHost, hostValue, isLeaf, placeholder, valueOf } from "./leaf.ts";

const aval = { shape: [2], dtype: "float32" } as const;

test("a leaf around host data gives that very data back", async () => {
  const data = Float32Array.of(1, 2);
  const x = fromHost(data, aval, "weights");
  expect(isLeaf(x)).toBe(true);
  expect(await x.data()).toBe(data);
  expect(await hostValue(data, aval).read()).toBe(data);
});

test("a placeholder is a leaf without a value, and what is computed is no leaf", () => {
  expect(isLeaf(placeholder(aval))).toBe(true);
  expect(placeholder(aval).value).toBeUndefined();
  expect(isLeaf(tensor([1]).exp())).toBe(false);
});

test("asking a placeholder for its value says what it is", () => {
  expect(() => valueOf("demo", placeholder(aval, "x").named("x")))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: demo: Tensor float32[2] from x has no value: it is an argument of a function that is being traced.
      fix: return it from the traced function and read the result of the call.]
  `);
});

test("reading data inside a compiled function is refused", async () => {
  let inside: Promise<unknown> = Promise.resolve();
  const fn = compile((x: ReturnType<typeof tensor>) => {
    inside = x.mul(2).data();
    inside.catch(() => undefined);
    return x;
  });
  await fn(tensor([1]));
  await expect(inside).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: evaluate: Tensor float32[1] from leaf has no value: it is an argument of a function that is being traced.
      fix: return it from the traced function and read the result of the call.]
  `);
});
