import { expect, test } from "vitest";

import type { NodeForm } from "../../../test/onnx-engine.ts";
import { expectAgreement, input, traced } from "../../../test/onnx-engine.ts";
import { placeholder } from "../../tensor/leaf.ts";

test("TopK is the engine's, largest and smallest", async () => {
  await expectAgreement(({ whole, one, normals, wholes }) => ({
    opType: "TopK",
    attrs: { axis: whole(-2, 1), largest: whole(0, 1) },
    inputs: [
      one(normals(3, 4), wholes([3, 4], -3, 3, "int64")),
      input([1], [whole(1, 3)], "int64"),
    ],
    outputs: [true, true],
  }));
});

test("TopK before version 10 says how many as an attribute; none are none", () => {
  const x = input([2, 3], [1, 2, 3, 4, 5, 6]);
  const old: NodeForm = { opType: "TopK", opset: 9, attrs: { k: 2 }, inputs: [x] };
  expect(traced(old)[0]!.shape).toEqual([2, 2]);
  const none: NodeForm = {
    opType: "TopK",
    inputs: [x, input([1], [0], "int64")],
    outputs: [true, true],
  };
  expect(traced(none).map(({ shape }) => shape)).toEqual([
    [2, 0],
    [2, 0],
  ]);
});

test("ArgMax and ArgMin are the engine's, of equals the first or the last", async () => {
  await expectAgreement(({ whole, one, wholes }) => ({
    opType: one("ArgMax", "ArgMin"),
    attrs: { axis: whole(-2, 1), keepdims: whole(0, 1), select_last_index: whole(0, 1) },
    inputs: [wholes([4, 5], 0, 3, one("float32", "int32", "uint8"))],
  }));
});

test("CumSum is the engine's in all its forms", async () => {
  await expectAgreement(({ whole, one, normals, wholes }) => ({
    opType: "CumSum",
    attrs: { exclusive: whole(0, 1), reverse: whole(0, 1) },
    inputs: [
      one(normals(3, 4), wholes([3, 4], -3, 3, "int64")),
      input([], [whole(-2, 1)], "int64"),
    ],
  }));
});

test("NonZero, Compress and Unique of known numbers are the engine's", async () => {
  await expectAgreement(
    ({ one, flag, whole, wholes }) => {
      const x = wholes([3, 4], 0, 2, "float32");
      const opType = one("NonZero", "Compress", "Unique");
      if (opType === "NonZero") return { opType, inputs: [x] };
      if (opType === "Compress")
        return { opType, attrs: { axis: 1 }, inputs: [x, wholes([4], 0, 2, "bool")] };
      return {
        opType,
        attrs: { sorted: whole(0, 1), ...(flag() ? { axis: whole(0, 1) } : {}) },
        inputs: [x],
        outputs: [true, true, true, true],
      };
    },
    { runs: 40 },
  );
});

test("how many there are must be known before the graph runs", () => {
  const x = input([3], [0, 1, 2]);
  const unknown = new Map([[0, placeholder(x)]]);
  expect(() =>
    traced({ opType: "NonZero", inputs: [x] }, unknown),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (NonZero) takes its input 0 from values, and it must be known before the graph runs.]`,
  );
});
