import { expect, test } from "vitest";

import { openExport } from "../../../test/golden/onnx/exports.ts";
import { openOnnx } from "../../checkpoints/open-onnx.ts";
import { memoryFiles } from "../../core/files.ts";
import type { GraphForm, NodeForm } from "../../onnx/proto.ts";
import { encodeModel } from "../../onnx/proto.ts";
import type { OnnxNetwork } from "./onnx-network.ts";

const FLOAT = 1;
const BOOL = 9;

function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attrs: NodeForm["attrs"] = {},
): NodeForm {
  return { name: "", opType, domain: "", inputs, outputs, attrs };
}

async function networkOf(graph: Partial<GraphForm>): Promise<OnnxNetwork> {
  const whole = { initializers: [], nodes: [], inputs: [], outputs: [], ...graph };
  const file = encodeModel({ opsets: { "": 17 }, ...whole });
  return openOnnx(memoryFiles({ "model.onnx": file }), "model.onnx");
}

const x = { name: "x", onnxType: FLOAT, shape: [2] } as const;

test("names with slashes, dots and colons are sites by themselves and by patterns", async () => {
  const names = ["/model/h.0/Add_output_0", "aten::mul", "model.layer[1](x)", "%12"];
  const net = await networkOf({
    nodes: names.map((name, i) => node("Neg", [names[i - 1] ?? "x"], [name])),
    inputs: [x],
    outputs: [{ name: "%12", onnxType: FLOAT, shape: [2] }],
  });
  expect(net.sites().map((site) => site.name)).toEqual(["x", ...names]);
  const given = { x: [1, 2] };
  const captured = async (capture: string): Promise<string[]> =>
    Object.keys((await net.run(given, { capture })).activations);
  for (const name of names) expect(await captured(name)).toEqual([name]);
  expect(await captured("/model/*/*/Add*")).toEqual([names[0]]);
  expect(await captured("aten::*")).toEqual(["aten::mul"]);
  expect(await captured("**")).toEqual(["x", ...names]);
});

test("a recognised value answers to its name in the file as well", async () => {
  const { network, given } = await openExport("gpt2-dynamo");
  const [value, names] = [...network.recognised.sites].find(([, own]) =>
    own.includes("blocks.0.attn.z"),
  )!;
  expect(names).toEqual(["blocks.0.attn.z"]);
  const pass = await network.run(given, { capture: value });
  expect(Object.keys(pass.activations)).toEqual(["blocks.0.attn.z"]);
});

test("a value that the file gives the standard name of another is a site of its own", async () => {
  const net = await networkOf({
    nodes: [
      node("Gather", ["table", "input_ids"], ["rows"]),
      node("Neg", ["rows"], ["embed"]),
      node("Abs", ["embed"], ["y"]),
    ],
    initializers: [
      {
        name: "table",
        onnxType: FLOAT,
        shape: [2, 1],
        bytes: new Uint8Array(Float32Array.of(5, 6).buffer),
      },
    ],
    inputs: [{ name: "input_ids", onnxType: 7, shape: ["batch", "pos"] }],
    outputs: [{ name: "y", onnxType: FLOAT, shape: ["batch", "pos", 1] }],
  });
  expect(net.sites().map(({ name }) => name)).toEqual(["embed", "file.embed", "y"]);
  const pass = await net.run({ input_ids: [[1]] }, { capture: ["embed", "file.embed", "rows"] });
  expect(Array.from(await pass.at("embed").numbers())).toEqual([6]);
  expect(Array.from(await pass.at("file.embed").numbers())).toEqual([-6]);
});

test("what is known before the graph runs is no site, nor are the values of bodies", async () => {
  const body = (opType: string): GraphForm => ({
    nodes: [node(opType, ["x"], ["inner"]), node("Neg", ["inner"], ["result"])],
    initializers: [],
    inputs: [],
    outputs: [{ name: "result", onnxType: FLOAT, shape: [2] }],
  });
  const net = await networkOf({
    nodes: [
      node("Shape", ["x"], ["shape"]),
      node("Abs", ["x"], ["size"]),
      node("If", ["flag"], ["y"], { then_branch: body("Exp"), else_branch: body("Tanh") }),
      node("Add", ["y", "size"], ["sum"]),
    ],
    inputs: [x, { name: "flag", onnxType: BOOL, shape: [1] }],
    outputs: [{ name: "sum", onnxType: FLOAT, shape: [2] }],
  });
  expect(net.sites().map(({ name }) => name)).toEqual(["x", "size", "y", "sum"]);
});

test("which branch of a model with a cache is taken follows from whether there is a past", async () => {
  const branch = (opType: string): GraphForm => ({
    nodes: [node(opType, ["input_ids"], ["result"])],
    initializers: [],
    inputs: [],
    outputs: [{ name: "result", onnxType: FLOAT, shape: ["batch", "pos"] }],
  });
  const net = await networkOf({
    nodes: [
      node("If", ["use_cache_branch"], ["y"], {
        then_branch: branch("Neg"),
        else_branch: branch("Abs"),
      }),
    ],
    inputs: [
      { name: "input_ids", onnxType: FLOAT, shape: ["batch", "pos"] },
      { name: "past_key_values.0.key", onnxType: FLOAT, shape: ["batch", 1, "past", 2] },
      { name: "use_cache_branch", onnxType: BOOL, shape: [1] },
    ],
    outputs: [{ name: "y", onnxType: FLOAT, shape: ["batch", "pos"] }],
  });
  const first = await net.run({ input_ids: [[3]] });
  expect(Array.from(await first.at("y").numbers())).toEqual([3]);
  const second = await net.run({ input_ids: [[3]], "past_key_values.0.key": [[[[1, 2]]]] });
  expect(Array.from(await second.at("y").numbers())).toEqual([-3]);
});

test("nothing is computed from the numbers of an input while a pass is traced", async () => {
  const net = await networkOf({
    nodes: [node("Cast", ["n"], ["count"], { to: 7 }), node("Expand", ["x", "count"], ["y"])],
    inputs: [
      { name: "x", onnxType: FLOAT, shape: [1] },
      { name: "n", onnxType: 7, shape: [1] },
    ],
    outputs: [{ name: "y", onnxType: FLOAT, shape: ["n"] }],
  });
  expect(() => net.sites()).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: model.onnx: the node (Expand) takes its input 1 from values, and it must be known before the graph runs.]`,
  );
});

test("an operator that is not known is refused by name when sites are listed", async () => {
  const net = await networkOf({
    nodes: [{ ...node("Frobnicate", ["x"], ["y"]), name: "n1", domain: "org.example" }],
    inputs: [x],
    outputs: [{ name: "y", onnxType: FLOAT, shape: [2] }],
  });
  expect(() => net.sites()).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: model.onnx: the node "n1" (org.example.Frobnicate) is of an operator that is not known here.]`,
  );
});

test("a network keeps its identity when it is opened again", async () => {
  const [first, second, other] = await Promise.all(
    ["gpt2-dynamo", "gpt2-dynamo", "llama-fused"].map(async (name) =>
      (await openExport(name)).network.identity(),
    ),
  );
  expect(first).toEqual(second);
  expect(first).toMatchObject({ dModel: 16 });
  expect(other!.hash).not.toBe(first!.hash);
});
