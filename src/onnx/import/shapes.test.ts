import { expect, test } from "vitest";

import type { NodeForm } from "../../../test/onnx-engine.ts";
import { expectAgreement, input, traced } from "../../../test/onnx-engine.ts";

const int64 = (...values: readonly number[]) => input([values.length], values, "int64");
const x = input(
  [2, 3, 4],
  Array.from({ length: 24 }, (_, i) => i),
);

const shapeOf = (form: NodeForm): readonly number[] => traced(form)[0]!.shape;

test("Reshape fills -1 and copies sizes for 0", () => {
  expect(shapeOf({ opType: "Reshape", inputs: [x, int64(0, -1)] })).toEqual([2, 12]);
  expect(shapeOf({ opType: "Reshape", inputs: [x, int64(4, 0, -1)] })).toEqual([4, 3, 2]);
});

test("Reshape takes 0 for 0 where it is told to, and runs", async () => {
  await expectAgreement(
    ({ one, normals }) => ({
      opType: "Reshape",
      attrs: { allowzero: 1 },
      inputs: [normals(0, 3), one(int64(3, 0), int64(0), int64(2, 0, 7))],
    }),
    { runs: 3 },
  );
});

test("Reshape before version 5 says its shape as an attribute", () => {
  const form = { opType: "Reshape", opset: 4, attrs: { shape: [6, -1] }, inputs: [x] };
  expect(shapeOf(form)).toEqual([6, 4]);
});

test("a shape that elements do not fill is refused", () => {
  expect(() => traced({ opType: "Reshape", inputs: [x, int64(5, -1)] }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: reshape: the 24 elements of [2, 3, 4] do not fill [5, -1].
      fix: give sizes whose product is the number of elements; one may be -1.]
  `);
  expect(() =>
    traced({ opType: "Reshape", inputs: [x, int64(1, 2, 3, 0)] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Reshape) keeps axis 3 of [2, 3, 4], which has none.]`,
  );
});

test.each([
  ["Squeeze", 11],
  ["Squeeze", 13],
  ["Unsqueeze", 11],
  ["Unsqueeze", 13],
] as const)("%s of version %i takes its axes where that version has them", (opType, opset) => {
  const given = opType === "Squeeze" ? input([1, 3, 1], [1, 2, 3]) : input([3], [1, 2, 3]);
  const axes = opType === "Squeeze" ? [0, -1] : [0, -1];
  const form: NodeForm =
    opset < 13
      ? { opType, opset, attrs: { axes }, inputs: [given] }
      : { opType, opset, inputs: [given, int64(...axes)] };
  expect(shapeOf(form)).toEqual(opType === "Squeeze" ? [3] : [1, 3, 1]);
});

test("Squeeze without axes drops all of size 1, and no other", () => {
  expect(shapeOf({ opType: "Squeeze", inputs: [input([1, 3, 1], [1, 2, 3])] })).toEqual([3]);
  expect(() =>
    traced({ opType: "Squeeze", inputs: [x, int64(1)] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Squeeze) drops axis 1 of [2, 3, 4], which is not of size 1.]`,
  );
});

test("an axis that is named twice or lies outside is refused", () => {
  expect(() =>
    traced({ opType: "Unsqueeze", inputs: [x, int64(0, 0)] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Unsqueeze) names an axis twice in [0, 0].]`,
  );
  expect(() => traced({ opType: "Flatten", attrs: { axis: 4 }, inputs: [x] }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: Flatten: axis 4 is not an axis of a tensor of rank 3.
      fix: use an integer in -3..2.]
  `);
});

test("Shape, Size and Flatten are the engine's, also of a part", async () => {
  await expectAgreement(({ whole, one, normals }) => {
    const given = normals(whole(1, 3), whole(1, 3), whole(1, 3));
    const opType = one("Shape", "Size", "Flatten");
    const attrs: Record<string, NodeForm["attrs"]> = {
      Shape: { start: whole(-4, 4), end: whole(-4, 4) },
      Size: {},
      Flatten: { axis: whole(-3, 3) },
    };
    return { opType, attrs: attrs[opType]!, inputs: [given] };
  });
});

test("Expand repeats both ways", () => {
  expect(shapeOf({ opType: "Expand", inputs: [input([3, 1], [1, 2, 3]), int64(2, 1, 4)] })).toEqual(
    [2, 3, 4],
  );
  expect(shapeOf({ opType: "Expand", inputs: [x, int64(1)] })).toEqual([2, 3, 4]);
  expect(() => traced({ opType: "Expand", inputs: [x, int64(5)] }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: broadcastTo: cannot broadcast [2, 3, 4] with [2, 3, 5]: axis -1 is 4 and 5.
      fix: make the sizes equal, or 1 where a value is to be repeated.]
  `);
});

test("Transpose and blocks of places are the engine's", async () => {
  await expectAgreement(({ one, normals }) => {
    const opType = one("Transpose", "DepthToSpace", "SpaceToDepth");
    const attrs: Record<string, NodeForm["attrs"]> = {
      Transpose: { perm: one([0, 2, 1, 3], [3, 2, 1, 0], [1, 0, 3, 2]) },
      DepthToSpace: { blocksize: 2, mode: one("DCR", "CRD") },
      SpaceToDepth: { blocksize: 2 },
    };
    return { opType, opset: 13, attrs: attrs[opType]!, inputs: [normals(2, 8, 4, 6)] };
  });
});

test("blocks that do not fit are refused", () => {
  const image = input(
    [1, 3, 2, 2],
    Array.from({ length: 12 }, () => 0),
  );
  expect(() =>
    traced({ opType: "DepthToSpace", attrs: { blocksize: 2 }, inputs: [image] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (DepthToSpace) cannot make blocks of 2 of 3 channels.]`,
  );
  expect(() =>
    traced({ opType: "SpaceToDepth", attrs: { blocksize: 3 }, inputs: [image] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (SpaceToDepth) cannot cut 2 x 2 into blocks of 3.]`,
  );
});
