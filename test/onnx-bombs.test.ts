// Small ONNX files that ask for endless work or memory: each is refused soon, by what it asks for, or does not do it.

import { expect, test } from "vitest";

import { openOnnx } from "../src/checkpoints/open-onnx.ts";
import { memoryFiles } from "../src/core/files.ts";
import { PatchClampError } from "../src/core/errors.ts";
import type { GraphForm, InitializerForm, NodeForm } from "../src/onnx/proto.ts";
import { encodeModel } from "../src/onnx/proto.ts";

const node = (
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attrs: NodeForm["attrs"] = {},
): NodeForm => ({ name: "", opType, domain: "", inputs, outputs, attrs });

const whole = (name: string, ...values: readonly number[]): InitializerForm => ({
  name,
  onnxType: 7,
  shape: [values.length],
  bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});
const real = (name: string): InitializerForm => ({
  name,
  onnxType: 1,
  shape: [],
  bytes: new Uint8Array(4),
});

const count = (length: number): number[] => Array.from({ length }, (_, i) => i);

const body = (nodes: readonly NodeForm[], outputs: readonly string[]): GraphForm => ({
  nodes,
  initializers: [],
  inputs: ["i", "go", "state"].map((name) => ({ name, onnxType: 1, shape: [] })),
  outputs: outputs.map((name) => ({ name, onnxType: 1, shape: [] })),
});

interface Bomb {
  /** What comes of it: a part of the refusal, or `listed` where it does no harm. */
  readonly says: string;
  readonly nodes: readonly NodeForm[];
  readonly initializers: readonly InitializerForm[];
}

/** A loop, within so many others, that does this with its state. */
function looped(depth: number, inner: NodeForm): NodeForm {
  const own = depth === 0 ? inner : looped(depth - 1, inner);
  return node("Loop", ["steps", "", "state"], ["next"], {
    body: body([own, node("Identity", ["go"], ["on"])], ["on", "next"]),
  });
}

const BOMBS: Readonly<Record<string, Bomb>> = {
  "a loop of 2^60 steps": {
    says: "takes more than 4096 steps",
    nodes: [node("Identity", ["x"], ["state"]), looped(0, node("Neg", ["state"], ["next"]))],
    initializers: [real("x"), whole("steps", 2 ** 60)],
  },
  "loops within loops": {
    says: "comes after 50000 others, and no more are run",
    nodes: [node("Identity", ["x"], ["state"]), looped(3, node("Neg", ["state"], ["next"]))],
    initializers: [real("x"), whole("steps", 2000)],
  },
  "a loop that works on many known numbers": {
    says: "comes after 50000 others, and no more are run",
    nodes: [
      node("Range", ["zero", "many", "one"], ["state"]),
      looped(1, node("Add", ["state", "state"], ["next"])),
    ],
    initializers: [
      { ...whole("zero", 0), shape: [] },
      { ...whole("many", 4000), shape: [] },
      { ...whole("one", 1), shape: [] },
      whole("steps", 4000),
    ],
  },
  "a sum that doubles": {
    says: "makes [2147483648], which is no shape of a value that can be held",
    nodes: count(80).map((i) => node("Concat", [`x${i}`, `x${i}`], [`x${i + 1}`], { axis: 0 })),
    initializers: [{ ...real("x0"), shape: [1] }],
  },
  "ranges, one after the other": {
    says: "goes from 0 to 16777216 in steps of 1",
    nodes: count(2000).map((i) => node("Range", ["zero", "many", "one"], [`x${i}`])),
    initializers: [
      { ...whole("zero", 0), shape: [] },
      { ...whole("many", 2 ** 24), shape: [] },
      { ...whole("one", 1), shape: [] },
    ],
  },
  "an endless shape": {
    says: "makes [2147483648, 2147483648], which is no shape",
    nodes: [node("ConstantOfShape", ["shape"], ["y"])],
    initializers: [whole("shape", 2 ** 31, 2 ** 31)],
  },
  "numbers repeated without end": {
    says: "makes [1099511627776, 2], which is no shape",
    nodes: [node("Expand", ["x", "shape"], ["y"])],
    initializers: [real("x"), whole("shape", 2 ** 40, 2)],
  },
  "tiles without end": {
    says: "makes [1125899906842624], which is no shape",
    nodes: [node("Tile", ["x", "shape"], ["y"])],
    initializers: [{ ...real("x"), shape: [1] }, whole("shape", 2 ** 50)],
  },
  "padding without end": {
    says: "pads an axis of size 1 by 1125899906842624 and 1",
    nodes: [node("Pad", ["x", "shape"], ["y"])],
    initializers: [{ ...real("x"), shape: [1] }, whole("shape", 2 ** 50, 1)],
  },
  "pieces without end": {
    says: "makes 1099511627776 pieces and has 1 outputs",
    nodes: [node("Split", ["x"], ["y"], { num_outputs: 2 ** 40 })],
    initializers: [{ ...real("x"), shape: [1] }],
  },
  "a constant of 2^60 numbers": {
    says: 'the constant "x" has the shape [1073741824, 1073741824]',
    nodes: [node("Neg", ["x"], ["y"])],
    initializers: [{ ...real("x"), shape: [2 ** 30, 2 ** 30] }],
  },
  "a long way back to what is known": {
    says: "listed",
    nodes: [
      ...count(20_000).map((i) => node("Neg", [`x${i}`], [`x${i + 1}`])),
      node("Cast", ["x20000"], ["shape"], { to: 7 }),
      node("ConstantOfShape", ["shape"], ["y"]),
    ],
    initializers: [{ ...real("x0"), shape: [1] }],
  },
  "bodies in bodies": {
    says: "bodies lie more than 32 deep in one another",
    nodes: [node("Identity", ["x"], ["state"]), looped(300, node("Neg", ["state"], ["next"]))],
    initializers: [real("x"), whole("steps", 1)],
  },
  "a value made of itself": {
    says: 'reads "y", which nothing before it has made',
    nodes: [node("Neg", ["y"], ["y"])],
    initializers: [],
  },
};

/** Time of the processor, ms: three times what the longest takes on a machine that does nothing else. */
const LIMIT_MS = 5000;

test.each(Object.entries(BOMBS))("%s", async (_, { says, nodes, initializers }) => {
  const [name] = nodes.at(-1)!.outputs;
  const outputs = [{ name: name!, onnxType: 1, shape: [] }];
  const model = encodeModel({ opsets: { "": 21 }, nodes, initializers, inputs: [], outputs });
  const start = process.cpuUsage();
  expect(await outcomeOf(model)).toContain(says);
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000).toBeLessThan(LIMIT_MS);
});

/** What becomes of a model when its sites are listed. */
async function outcomeOf(model: Uint8Array): Promise<string> {
  try {
    const network = await openOnnx(memoryFiles({ "m.onnx": model }), "m.onnx");
    network.sites();
    return "listed";
  } catch (error) {
    if (error instanceof PatchClampError) return error.message;
    throw error;
  }
}
