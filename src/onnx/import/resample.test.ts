import { expect, test } from "vitest";

import type { NodeForm } from "../../../test/onnx-engine.ts";
import { drawn, expectAgreement, input, traced } from "../../../test/onnx-engine.ts";
import { expectGradient } from "../../../test/onnx-gradients.ts";
import { Rng } from "../../core/rng.ts";

test("Resize is the engine's by sizes, by scales and by sizes that keep proportions", async () => {
  await expectAgreement(
    ({ one, whole, normals }): NodeForm => {
      const x = normals(1, 2, 5, 4);
      const mode = one("nearest", "linear", "cubic");
      const policy = one("stretch", "not_larger", "not_smaller");
      const sizes = input([2], [whole(1, 9), whole(1, 9)], "int64");
      const scales = input([2], [one(0.5, 0.6, 1.7, 2), one(0.25, 1, 1.3, 3)]);
      return one(true, false)
        ? {
            opType: "Resize",
            opset: 19,
            attrs: { mode, axes: [2, 3], keep_aspect_ratio_policy: policy },
            inputs: [x, undefined, undefined, sizes],
          }
        : {
            opType: "Resize",
            opset: 19,
            attrs: { mode, axes: [2, 3] },
            inputs: [x, undefined, scales],
          };
    },
    { runs: 40 },
  );
});

test.each([7, 9])("Upsample of version %i repeats its points", async (opset) => {
  const x = input([1, 1, 1, 2], [1, 2]);
  const form =
    opset === 7
      ? { opType: "Upsample", opset, attrs: { scales: { floats: [1, 1, 1, 3] } }, inputs: [x] }
      : { opType: "Upsample", opset, inputs: [x, input([4], [1, 1, 1, 3])] };
  expect([...(await traced(form)[0]!.numbers())]).toEqual([1, 1, 1, 2, 2, 2]);
});

test("sizes that there are not, and corners on a size that is cut, are refused", () => {
  const x = input([4], [0, 1, 2, 3]);
  expect(() =>
    traced({
      opType: "Resize",
      inputs: [x, undefined, undefined, input([1], [-1], "int64")],
    }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Resize) makes [-1] of [4].]`,
  );
  expect(() =>
    traced({
      opType: "Resize",
      attrs: { coordinate_transformation_mode: "align_corners" },
      inputs: [x, undefined, input([1], [0.6])],
    }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Resize) puts corners on corners of a size that is not whole.]`,
  );
});

test("more scales than axes, and points without number, are refused: the engine would leave its memory", () => {
  const scales = input([3], [1, 1, 1]);
  const resize = { opType: "Resize", inputs: [input([2], [0, 1]), undefined, scales] };
  expect(() => traced(resize)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Resize) has 3 sizes or scales for 1 axes.]`,
  );
  const regions = {
    opType: "RoiAlign",
    attrs: { sampling_ratio: 2 ** 40 },
    inputs: [drawn(new Rng(1), [1, 1, 4, 4]), drawn(new Rng(2), [1, 4]), input([1], [0], "int64")],
  };
  expect(() => traced(regions)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (RoiAlign) reads 1099511627776 points each.]`,
  );
});

test("AffineGrid and GridSample are the engine's on images and volumes", async () => {
  await expectAgreement(({ one, whole, normals }): NodeForm => {
    const axes = whole(2, 3);
    const sizes = [2, 1, 3, 4, 2].slice(0, 2 + axes);
    if (one("AffineGrid", "GridSample") === "AffineGrid")
      return {
        opType: "AffineGrid",
        attrs: { align_corners: whole(0, 1) },
        inputs: [normals(2, axes, axes + 1), input([sizes.length], sizes, "int64")],
      };
    return {
      opType: "GridSample",
      attrs: { mode: one("linear", "nearest"), padding_mode: one("zeros", "border") },
      inputs: [normals(...sizes), normals(2, ...sizes.slice(2).map((n) => n + 1), axes)],
    };
  });
});

test("AffineGrid has a gradient by its map", async () => {
  const form = {
    opType: "AffineGrid",
    inputs: [drawn(new Rng(1), [1, 2, 3]), input([4], [1, 1, 2, 3], "int64")],
  };
  await expectGradient(form, [0]);
});
