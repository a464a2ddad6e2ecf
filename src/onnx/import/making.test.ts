import { expect, test } from "vitest";

import type { NodeForm } from "../../../test/onnx-engine.ts";
import { expectAgreement, input, traced } from "../../../test/onnx-engine.ts";

test("a constant is read from every attribute that it may have", () => {
  const of = (attrs: NodeForm["attrs"] & object) => {
    const [y] = traced({ opType: "Constant", attrs, inputs: [] });
    return { shape: y!.shape, dtype: y!.dtype, data: [...y!.value!.data!].map(Number) };
  };
  expect(of({ value_float: { float: 1.5 } })).toEqual({ shape: [], dtype: "float32", data: [1.5] });
  expect(of({ value_floats: { floats: [1.5, 2] } })).toEqual({
    shape: [2],
    dtype: "float32",
    data: [1.5, 2],
  });
  expect(of({ value_int: 3 })).toEqual({ shape: [], dtype: "int64", data: [3] });
  expect(of({ value_ints: [3, 4] })).toEqual({ shape: [2], dtype: "int64", data: [3, 4] });
});

test("constants of texts, and those without a value, are refused", () => {
  expect(() =>
    traced({ opType: "Constant", attrs: { value_string: "a" }, inputs: [] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Constant) holds texts.]`,
  );
  expect(() => traced({ opType: "Constant", inputs: [] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Constant) lacks a value that is read here.]`,
  );
});

test("Range and ConstantOfShape are the engine's, also of nothing", async () => {
  await expectAgreement(({ one, whole }) => {
    if (one("Range", "ConstantOfShape") === "ConstantOfShape") {
      const shape = input([2], [whole(0, 3), whole(0, 3)], "int64");
      return { opType: "ConstantOfShape", inputs: [shape] };
    }
    const dtype = one("int64", "int32", "float32");
    const number = (value: number) => input([], [value], dtype);
    const step = one(1, 3, -2);
    return { opType: "Range", inputs: [number(whole(-3, 3)), number(whole(-9, 9)), number(step)] };
  });
});

test("a range that makes no step is refused", () => {
  const number = (value: number) => input([], [value], "int64");
  expect(() =>
    traced({ opType: "Range", inputs: [number(0), number(3), number(0)] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Range) goes from 0 to 3 in steps of 0.]`,
  );
});

test("EyeLike and Trilu are the engine's on every diagonal", async () => {
  await expectAgreement(({ one, whole, normals, wholes }): NodeForm => {
    if (one("EyeLike", "Trilu") === "EyeLike")
      return { opType: "EyeLike", attrs: { k: whole(-3, 3) }, inputs: [normals(3, 4)] };
    return {
      opType: "Trilu",
      attrs: { upper: whole(0, 1) },
      inputs: [
        one(normals(2, 3, 4), wholes([2, 3, 4], -9, 9, "int64")),
        input([], [whole(-3, 4)], "int64"),
      ],
    };
  });
});

test("parts of triangles are there for numbers that the engine has no kernel for", async () => {
  const [y] = traced({ opType: "Trilu", inputs: [input([2, 2], [1, 2, 3, 4], "int32")] });
  expect(y!.dtype).toBe("int32");
  expect([...(await y!.numbers())]).toEqual([1, 2, 0, 4]);
});
