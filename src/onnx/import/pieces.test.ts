import { expect, test } from "vitest";

import type { NodeForm } from "../../../test/onnx-engine.ts";
import { expectAgreement, input, traced } from "../../../test/onnx-engine.ts";
import { expectGradient } from "../../../test/onnx-gradients.ts";

const int64 = (...values: readonly number[]) => input([values.length], values, "int64");

test("Slice is the engine's, wherever its bounds lie and whichever way it goes", async () => {
  await expectAgreement(
    ({ whole, one, flag, normals, wholes }) => {
      const far = 2 ** 31;
      const bound = (): number => one(whole(-8, 8), whole(-8, 8), far, -far);
      const axes = one([0], [1], [0, 1], [-1, 0]);
      const step = (): number => one(1, 2, -1, -3);
      const given = flag() ? normals(4, 5) : wholes([4, 5], -9, 9, "int64");
      return {
        opType: "Slice",
        inputs: [
          given,
          int64(...axes.map(bound)),
          int64(...axes.map(bound)),
          int64(...axes),
          ...(flag() ? [int64(...axes.map(step))] : []),
        ],
      };
    },
    { runs: 60 },
  );
});

test("Slice before version 10 says its bounds as attributes, and their largest number is the end", async () => {
  const form: NodeForm = {
    opType: "Slice",
    opset: 9,
    attrs: { starts: [1], ends: [Number.MAX_SAFE_INTEGER], axes: [-1] },
    inputs: [input([3], [1, 2, 3])],
  };
  expect([...(await traced(form)[0]!.numbers())]).toEqual([2, 3]);
});

test("Split is the engine's in even and given pieces", async () => {
  await expectAgreement(({ one, normals }) => {
    const named = one(undefined, [1, 5], [2, 2, 2], [0, 6]);
    const count = named?.length ?? 4;
    return {
      opType: "Split",
      attrs: { axis: -1, ...(named === undefined ? { num_outputs: count } : {}) },
      inputs: [normals(2, named === undefined ? 7 : 6), ...(named ? [int64(...named)] : [])],
      outputs: Array.from({ length: count }, () => true),
    };
  });
});

test("Split of version 11 says its sizes as an attribute", () => {
  const form: NodeForm = {
    opType: "Split",
    opset: 11,
    attrs: { split: [1, 2] },
    inputs: [input([3], [1, 2, 3])],
    outputs: [true, true],
  };
  expect(traced(form).map(({ shape }) => shape)).toEqual([[1], [2]]);
});

test("Concat and Tile are the engine's, of numbers that are known too", async () => {
  await expectAgreement(({ one, whole, flag, normals, wholes }) => {
    const draw = (): ReturnType<typeof normals> =>
      flag() ? normals(2, 3) : wholes([2, 3], -9, 9, "float32");
    return one("Concat", "Tile") === "Concat"
      ? { opType: "Concat", attrs: { axis: whole(-2, 1) }, inputs: [draw(), draw()] }
      : {
          opType: "Tile",
          inputs: [
            flag() ? wholes([2, 3], -9, 9, "int64") : normals(2, 3),
            int64(whole(1, 3), whole(1, 2)),
          ],
        };
  });
});

test("Tile of no times is empty", () => {
  const [y] = traced({ opType: "Tile", inputs: [input([2, 3], [1, 2, 3, 4, 5, 6]), int64(2, 0)] });
  expect(y!.shape).toEqual([4, 0]);
});

const padOf = (mode: string, pads: readonly number[]): NodeForm => ({
  opType: "Pad",
  attrs: { mode },
  inputs: [
    input(
      [3, 4],
      Array.from({ length: 12 }, (_, i) => Math.sin(i)),
    ),
    int64(...pads),
  ],
});

test("Pad is the engine's in every mode, also where it takes away", async () => {
  await expectAgreement(
    ({ one, whole, normals }) => {
      const mode = one("constant", "edge", "reflect", "wrap");
      const lowest = mode === "constant" || mode === "edge" ? -1 : 0;
      const size = (): number => whole(lowest, 2);
      return {
        opType: "Pad",
        attrs: { mode },
        inputs: [normals(3, 4), int64(size(), size(), size(), size())],
      };
    },
    { runs: 40 },
  );
});

test("Pad takes its value as an input, finite or not, and some axes", async () => {
  await expectAgreement(({ one, normals }) => ({
    opType: "Pad",
    inputs: [normals(2, 3), int64(1, 2), input([], [one(0, -2.5, -Infinity, Infinity)]), int64(-1)],
  }));
});

test("Pad has a gradient in every mode", async () => {
  for (const mode of ["constant", "edge", "reflect", "wrap"])
    await expectGradient(padOf(mode, [1, 0, 2, 3]), [0]);
});

test("Pad refuses sizes that do not fit and modes that there are not", () => {
  expect(() => traced(padOf("constant", [1]))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Pad) pads the axes [0, 1] by [1].]`,
  );
  expect(() => traced(padOf("constant", [-2, 0, -2, 0]))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Pad) pads an axis of size 3 by -2 and -2.]`,
  );
  expect(() => traced(padOf("mirror", [0, 0, 0, 1]))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Pad) has the mode "mirror".]`,
  );
});
