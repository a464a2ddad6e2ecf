import { expect, test } from "vitest";

import type { Tensor } from "../../runtime/index.ts";
import { tensor } from "../../runtime/index.ts";
import { placeholder } from "../../tensor/leaf.ts";
import type { OnnxAttribute, OnnxFunction, OnnxModel, OnnxNode } from "../model.ts";
import { importHandlers } from "./index.ts";
import type { NameValue } from "./run.ts";
import { runModel } from "./run.ts";

type Ends = readonly [inputs: string, outputs: string];

/** A node by its operator, the names it reads and makes (`_` for none), and its attributes. */
function node(
  opType: string,
  [inputs, outputs]: Ends,
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
): OnnxNode {
  const names = (text: string): string[] =>
    text.split(" ").map((name) => (name === "_" ? "" : name));
  const dot = opType.lastIndexOf(".");
  return {
    name: `my ${opType}`,
    opType: opType.slice(dot + 1),
    domain: opType.slice(0, Math.max(dot, 0)),
    inputs: inputs === "" ? [] : names(inputs),
    outputs: names(outputs),
    attributes: new Map(Object.entries(attributes)),
  };
}

const ints = (...values: readonly number[]): OnnxAttribute => ({
  kind: "ints",
  value: values.map(BigInt),
});
const int = (value: number): OnnxAttribute => ({ kind: "int", value: BigInt(value) });

/** Runs nodes whose last output is called y. */
function run(
  nodes: readonly OnnxNode[],
  given: Readonly<Record<string, Tensor>> = {},
  {
    functions = [],
    tap = (_, x) => x,
  }: { functions?: readonly OnnxFunction[]; tap?: NameValue } = {},
): Tensor {
  const y = { name: "y", type: undefined, shape: undefined };
  const model: OnnxModel = {
    irVersion: 10,
    producer: "",
    opsets: new Map([["", 21]]),
    graph: { name: "", nodes, initializers: [], inputs: [], outputs: [y], values: [] },
    functions,
    metadata: new Map(),
  };
  const form = { where: "importGraph", handlers: importHandlers, tap };
  return runModel(model, new Map(Object.entries(given)), form)[0]!;
}

const constant = (name: string, ...values: readonly number[]): OnnxNode =>
  node("Constant", ["", name], { value_ints: ints(...values) });

const x = tensor([[1, -2, 3]]);

test("an operator that nobody knows is named with its node and domain", () => {
  expect(() =>
    run([node("com.example.Sparkle", ["x", "y"])], { x }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "my com.example.Sparkle" (com.example.Sparkle) is of an operator that is not known here.]`,
  );
});

test("a value that nothing has made is named with its reader", () => {
  expect(() => run([node("Relu", ["x", "h"])], { x })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: importGraph: the model reads "y", which nothing before it has made.
      fix: give all inputs of the model, or load a whole ONNX file.]
  `);
  expect(() => run([node("Add", ["x z", "y"])], { x })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: importGraph: the node "my Add" (Add) reads "z", which nothing before it has made.
      fix: give all inputs of the model, or load a whole ONNX file.]
  `);
});

test("an input that is left out is missed", () => {
  expect(() => run([node("Add", ["x _", "y"])], { x })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "my Add" (Add) lacks its input 1.]`,
  );
});

test("an attribute of another kind is refused", () => {
  const transpose = node("Transpose", ["x", "y"], { perm: int(1) });
  expect(() => run([transpose], { x })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "my Transpose" (Transpose) has the attribute "perm" as int, not as ints.]`,
  );
});

test("an attribute that the engine would not be told is refused", () => {
  const odd = node("BitwiseAnd", ["x x", "y"], { note: { kind: "other" } });
  expect(() => run([odd], { x })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "my BitwiseAnd" (BitwiseAnd) has the attribute "note" as other, which is not passed on.]`,
  );
});

test("a shape that depends on values is refused", () => {
  const shape = placeholder({ shape: [2], dtype: "int64" });
  expect(() =>
    run([node("Reshape", ["x shape", "y"])], { x, shape }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "my Reshape" (Reshape) takes its input 1 from values, and it must be known before the graph runs.]`,
  );
});

test("an output that an operator does not give is refused", () => {
  expect(() => run([node("Relu", ["x", "h y"])], { x })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "my Relu" (Relu) gives no output 1 here.]`,
  );
});

test("shape arithmetic is done before the graph runs", () => {
  // [1, 3] to [3, -1] by way of shapes
  const y = run(
    [
      node("Shape", ["x", "shape"]),
      constant("one", 1),
      constant("rest", -1),
      node("Gather", ["shape one", "size"], { axis: int(0) }),
      node("Concat", ["size rest", "wanted"], { axis: int(0) }),
      node("Reshape", ["x wanted", "y"]),
    ],
    { x: placeholder(x) },
  );
  expect(y.shape).toEqual([3, 1]);
});

test("the largest whole number survives shape arithmetic", () => {
  const y = run([
    node("Constant", ["", "end"], { value_ints: { kind: "ints", value: [2n ** 63n - 1n] } }),
    constant("one", 1),
    node("Concat", ["one end", "y"], { axis: int(0) }),
  ]);
  expect(y.value!.data).toEqual(BigInt64Array.of(1n, 2n ** 63n - 1n));
});

test("what is divided by zero is not known", () => {
  const y = run([constant("a", 3), constant("zero", 0), node("Div", ["a zero", "y"])]);
  expect(y.value).toBeUndefined();
});

test.each([
  ["Expand", [constant("s", 1e6, 1e6), node("Expand", ["x s", "y"])], "makes [1000000, 1000000]"],
  ["Tile", [constant("s", 1e6, 1e6), node("Tile", ["x s", "y"])], "makes [1000000, 1000000]"],
  [
    "ConstantOfShape",
    [constant("s", 1e6, 1e6), node("ConstantOfShape", ["s", "y"])],
    "makes [1000000, 1000000]",
  ],
  [
    "Range",
    [
      node("Constant", ["", "from"], { value_int: int(0) }),
      node("Constant", ["", "to"], { value_int: int(1e9) }),
      node("Constant", ["", "by"], { value_int: int(1) }),
      node("Range", ["from to by", "y"]),
    ],
    "goes from 0 to 1000000000 in steps of 1",
  ],
  [
    "Pad",
    [
      constant("p", 0, 0, 0, 1e9),
      node("Pad", ["x p", "y"], { mode: { kind: "string", value: "edge" } }),
    ],
    "pads an axis of size 1 by 0 and 1000000000",
  ],
] as const)("%s beyond all bounds is refused at once", (_, nodes, problem) => {
  const one = tensor([[1]]);
  expect(() => run(nodes, { x: one })).toThrow(problem);
});

const fn = (
  name: string,
  [inputs, outputs]: Ends,
  nodes: readonly OnnxNode[],
  more: Partial<OnnxFunction> = {},
): OnnxFunction => ({
  name,
  domain: "mine",
  inputs: inputs.split(" "),
  outputs: outputs.split(" "),
  nodes,
  opsets: new Map([["", 21]]),
  attributes: [],
  defaults: new Map(),
  ...more,
});

test("operators of the model's own take attributes, defaults and inputs that are left out", async () => {
  const slope = { alpha: { kind: "reference", value: "slope" } } as const;
  const leaky = fn(
    "Leaky",
    ["a low", "b c"],
    [node("LeakyRelu", ["a", "h"], slope), node("Clip", ["h low", "b"])],
    { defaults: new Map([["slope", { kind: "float", value: 0.5 }]]) },
  );
  const own = await run([node("mine.Leaky", ["x", "y"])], { x }, { functions: [leaky] }).numbers();
  expect([...own]).toEqual([1, -1, 3]);
  const given = node("mine.Leaky", ["x zero", "y"], { slope: { kind: "float", value: 2 } });
  const zero = tensor(0);
  expect([...(await run([given], { x, zero }, { functions: [leaky] }).numbers())]).toEqual([
    1, 0, 3,
  ]);
});

test("an operator that is made of itself is refused", () => {
  const functions = [fn("Again", ["a", "b"], [node("mine.Again", ["a", "b"])])];
  expect(() =>
    run([node("mine.Again", ["x", "y"])], { x }, { functions }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "my mine.Again" (mine.Again) lies more than 32 deep in others.]`,
  );
});

test("operators that double in number with every level are refused in time", () => {
  const twice = (inner: string): OnnxNode[] => [node(inner, ["a", "h"]), node(inner, ["h", "b"])];
  const functions = Array.from({ length: 30 }, (_, i) =>
    fn(`F${i}`, ["a", "b"], twice(i === 0 ? "Relu" : `mine.F${i - 1}`)),
  );
  expect(() =>
    run([node("mine.F29", ["x", "y"])], { x }, { functions }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "my Relu" (Relu) comes after 50000 others, and no more are run.]`,
  );
});

test("every value is named once, and what a name gives back goes on", async () => {
  const seen: string[] = [];
  const tap: NameValue = (name, value) => {
    seen.push(name);
    return name === "h" ? value.mul(10) : value;
  };
  const y = run([node("Relu", ["x", "h"]), node("Neg", ["h", "y"])], { x }, { tap });
  expect(seen).toEqual(["h", "y"]);
  expect([...(await y.numbers())]).toEqual([-10, -0, -30]);
});
