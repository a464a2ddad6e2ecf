import { expect, test } from "vitest";

import type { NodeForm } from "../../../test/onnx-engine.ts";
import {
  bothWays,
  difference,
  drawn,
  expectAgreement,
  input,
  traced,
} from "../../../test/onnx-engine.ts";
import { Rng } from "../../core/rng.ts";
import { gradients, tensor } from "../../runtime/index.ts";
import { knownNumbers } from "./known.ts";

const OPERATORS = [
  "ReduceSum",
  "ReduceMean",
  "ReduceMax",
  "ReduceMin",
  "ReduceProd",
  "ReduceL1",
  "ReduceL2",
  "ReduceSumSquare",
  "ReduceLogSum",
  "ReduceLogSumExp",
] as const;

test.each(OPERATORS)("%s over drawn axes is the engine's, in old form and new", async (opType) => {
  await expectAgreement(({ one, flag, normals }) => {
    const opset = one(11, 18);
    const given = normals(2, 3, 1, 2);
    const x = opType === "ReduceLogSum" ? input(given.shape, absolute(given.data)) : given;
    const axes = one<readonly number[] | undefined>(undefined, [0], [-1], [1, 3], [2], [0, -2]);
    const keepdims = Number(flag());
    if (opset === 11)
      return { opType, opset, attrs: { keepdims, ...(axes && { axes }) }, inputs: [x] };
    const list = axes && input([axes.length], axes, "int64");
    return { opType, opset, attrs: { keepdims }, inputs: [x, ...(list ? [list] : [])] };
  });
});

function absolute(data: ArrayLike<number | bigint>): number[] {
  return Array.from(data, (v) => Math.abs(Number(v)));
}

test.each(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1"])(
  "%s of whole numbers is the engine's",
  async (opType) => {
    await expectAgreement(
      ({ one, wholes }) => ({
        opType,
        opset: 18,
        inputs: [
          wholes([2, 3], -5, 6, opType === "ReduceSum" ? one("int32", "int64") : "int32"),
          input([1], [one(0, 1)], "int64"),
        ],
      }),
      { runs: 8 },
    );
  },
);

test("an empty list of axes folds nothing where the node says so", async () => {
  const list = input([0], [], "int64");
  for (const opType of ["ReduceSum", "ReduceMax", "ReduceProd"]) {
    const attrs = { noop_with_empty_axes: 1 };
    const form = { opType, opset: 18, attrs, inputs: [drawn(new Rng(2), [2, 3]), list] };
    expect(difference(await bothWays(form))).toBe(0);
  }
});

test("nothing sums to 0, multiplies to 1, and has an infinite maximum", async () => {
  const of = (opType: string): NodeForm => ({
    opType,
    opset: 20,
    attrs: { keepdims: 0 },
    inputs: [input([2, 0], []), input([1], [1], "int64")],
  });
  const first = async (opType: string): Promise<number> =>
    (await traced(of(opType))[0]!.numbers())[0]!;
  expect(await first("ReduceSum")).toBe(0);
  expect(await first("ReduceProd")).toBe(1);
  expect(await first("ReduceMax")).toBe(-Infinity);
  expect(await first("ReduceLogSumExp")).toBe(-Infinity);
});

test("the product of a shape is known before anything runs", () => {
  const shape = input([3], [2, 3, 5], "int64");
  const [y] = traced({ opType: "ReduceProd", opset: 18, inputs: [shape] });
  expect(knownNumbers(y!)).toEqual([30]);
});

test("a product has its gradient where a factor is 0", async () => {
  const form = { opType: "ReduceProd", opset: 13, inputs: [input([3], [2, 0, 5])] };
  const x = tensor([2, 0, 5]);
  const [dx] = gradients(traced(form, new Map([[0, x]]))[0]!.sum(), [x]);
  expect([...(await dx!.numbers())]).toEqual([0, 10, 0]);
});

test("an axis that is none is refused by the node's name", () => {
  const form = { opType: "ReduceSum", opset: 11, attrs: { axes: [4] }, inputs: [input([1], [1])] };
  expect(() => traced(form)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (ReduceSum) folds axis 4 of 1.]`,
  );
});
