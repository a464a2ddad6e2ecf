import { expect, test } from "vitest";

import type { NodeForm } from "../../../test/onnx-engine.ts";
import { drawn, expectAgreement, input, traced } from "../../../test/onnx-engine.ts";
import { expectGradient } from "../../../test/onnx-gradients.ts";
import { Rng } from "../../core/rng.ts";

const int64 = (shape: readonly number[], ...values: readonly number[]) =>
  input(shape, values, "int64");

test("Gather and GatherElements are the engine's, also of parts and from the end", async () => {
  await expectAgreement(({ one, flag, whole, normals, wholes }) => {
    const axis = one(0, 1, -1);
    const given = flag() ? normals(3, 4, 2) : wholes([3, 4, 2], -9, 9, "int64");
    const size = [3, 4, 2].at(axis)!;
    if (flag()) {
      const indices = wholes(one([], [2], [2, 2]), -size, size, one("int32", "int64"));
      return { opType: "Gather", attrs: { axis }, inputs: [given, indices] };
    }
    const shape = [whole(1, 3), whole(1, 4), whole(1, 2)];
    return {
      opType: "GatherElements",
      attrs: { axis },
      inputs: [given, wholes(shape, -size, size, "int64")],
    };
  });
});

test("GatherND is the engine's for lists of every depth", async () => {
  await expectAgreement(({ whole, normals, wholes }) => {
    const batch = whole(0, 2);
    const depth = whole(1, 3 - batch);
    return {
      opType: "GatherND",
      attrs: { batch_dims: batch },
      inputs: [normals(2, 2, 2), wholes([...[2, 2].slice(0, batch), 3, depth], -2, 2, "int64")],
    };
  });
});

/** Places along the first axis, no two of them the same in a column. */
const places = int64([2, 2], 0, 3, 2, -3);

const scatterOf = (reduction: string): NodeForm => ({
  opType: "ScatterElements",
  opset: 18,
  attrs: { axis: 0, reduction },
  inputs: [drawn(new Rng(1), [4, 2]), places, drawn(new Rng(2), [2, 2])],
});

const listsOf = (reduction: string, ...indices: readonly number[]): NodeForm => ({
  opType: "ScatterND",
  opset: 18,
  attrs: { reduction },
  inputs: [
    drawn(new Rng(1), [4, 2]),
    int64([indices.length, 1], ...indices),
    drawn(new Rng(2), [indices.length, 2]),
  ],
});

test("ScatterElements and ScatterND are the engine's with every reduction", async () => {
  await expectAgreement(
    ({ one, flag }) => {
      const reduction = one("none", "add", "mul", "max", "min");
      return flag() ? scatterOf(reduction) : listsOf(reduction, 1, -4, 2);
    },
    { runs: 40 },
  );
});

test("what is scattered over a part of the other axes stays there", async () => {
  await expectAgreement(({ one, normals, wholes }) => ({
    opType: "ScatterElements",
    opset: 18,
    attrs: { axis: 1, reduction: one("none", "add") },
    inputs: [normals(3, 4), wholes([2, 1], -4, 4, "int64"), normals(2, 1)],
  }));
});

test("what is added at one place twice is added twice", async () => {
  const [y] = traced(listsOf("add", 1, 1, 1));
  const [x, , updates] = listsOf("add", 1, 1, 1).inputs;
  const column = [0, 2, 4].reduce((sum, i) => sum + Number(updates!.data[i]), Number(x!.data[2]));
  expect((await y!.numbers())[2]).toBeCloseTo(column, 5);
});

test("scattering has a gradient by both of its tensors", async () => {
  await expectGradient(scatterOf("none"), [0, 2]);
  await expectGradient(scatterOf("add"), [0, 2]);
  await expectGradient(listsOf("none", 1, -4, 2), [0, 2]);
  await expectGradient(listsOf("add", 1, 1, 2), [0, 2]);
});

test("gathering has a gradient", async () => {
  const x = drawn(new Rng(3), [4, 3]);
  await expectGradient({ opType: "GatherElements", inputs: [x, places] }, [0]);
  const lists = int64([2, 2], 1, -1, 0, 2);
  await expectGradient({ opType: "GatherND", inputs: [x, lists] }, [0]);
});

test("lists that point nowhere are refused", () => {
  const x = drawn(new Rng(3), [4, 3]);
  const deep = int64([1, 3], 0, 0, 0);
  expect(() =>
    traced({ opType: "GatherND", inputs: [x, deep] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (GatherND) indexes [4, 3] by [1, 3].]`,
  );
  const updates = drawn(new Rng(3), [2, 4]);
  expect(() =>
    traced({ opType: "ScatterND", inputs: [x, int64([2, 1], 0, 1), updates] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (ScatterND) writes [2, 4] where [2, 3] fits.]`,
  );
});

test("OneHot is the engine's along every axis, from either end", async () => {
  await expectAgreement(({ whole, wholes }) => ({
    opType: "OneHot",
    attrs: { axis: whole(-2, 1) },
    inputs: [wholes([3], -4, 6, "int64"), int64([], 4), input([2], [-1, 2])],
  }));
});

test("ReverseSequence is the engine's either way, and has a gradient", async () => {
  const form = (time: number): NodeForm => ({
    opType: "ReverseSequence",
    attrs: { time_axis: time, batch_axis: 1 - time },
    inputs: [drawn(new Rng(4), time === 0 ? [4, 3, 2] : [3, 4, 2]), int64([3], 1, 4, 3)],
  });
  await expectAgreement(({ whole }) => form(whole(0, 1)), { runs: 4 });
  await expectGradient(form(0), [0]);
});
