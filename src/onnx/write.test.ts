import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";

import { modelBytes, modelFiles } from "./write.ts";
import type { LateConstant, ModelFile, UnwrittenModel } from "./write.ts";

/** y = x + 0 + 1 + 2, where each number is a weight of `size` equal float32. */
function adding(size: number, count = 3): UnwrittenModel {
  const weights = Array.from({ length: count }, (_, i): LateConstant => {
    const read = async (): Promise<Uint8Array> =>
      new Uint8Array(new Float32Array(size).fill(i).buffer);
    return { name: `w${i}`, onnxType: 1, shape: [size], size: 4 * size, read };
  });
  const nodes = weights.map(({ name }, i) => ({
    name: `add${i}`,
    opType: "Add",
    domain: "",
    inputs: [i === 0 ? "x" : `v${i - 1}`, name],
    outputs: [i === count - 1 ? "y" : `v${i}`],
    attrs: {},
  }));
  const port = (name: string) => ({ name, onnxType: 1, shape: [size] });
  const form = {
    opsets: { "": 21 },
    nodes,
    initializers: [],
    inputs: [port("x")],
    outputs: [port("y")],
  };
  return { form, weights };
}

async function bytesOf({ parts }: ModelFile): Promise<Uint8Array> {
  const all: number[] = [];
  for await (const part of parts()) all.push(...part);
  return Uint8Array.from(all);
}

async function sumOf(files: readonly ModelFile[], size: number): Promise<number> {
  const written = await Promise.all(files.map(bytesOf));
  const externalData = files
    .slice(0, -1)
    .map(({ path }, i) => ({ path: path.split("/").at(-1)!, data: written[i]! }));
  const session = await ort.InferenceSession.create(written.at(-1)!, { externalData });
  const { y } = await session.run({ x: new ort.Tensor("float32", new Float32Array(size), [size]) });
  await session.release();
  return (y!.data as Float32Array).at(-1)!;
}

test("small weights lie in the model, which is one file", async () => {
  const files = modelFiles(adding(400), "onnx/model.onnx");
  expect(files.map(({ path }) => path)).toEqual(["onnx/model.onnx"]);
  expect(await sumOf(files, 400)).toBe(3);
  expect(await bytesOf(files[0]!)).toEqual(await modelBytes("test", adding(400)));
});

test("large weights lie in files beside the model, in pages, none longer than asked", async () => {
  const files = modelFiles(adding(400), "onnx/model.onnx", { mostInside: 1000, mostBeside: 9000 });
  expect(files.map(({ path }) => path)).toEqual([
    "onnx/model.onnx_data",
    "onnx/model.onnx_data_1",
    "onnx/model.onnx",
  ]);
  expect((await bytesOf(files[0]!)).length).toBe(8192);
  expect(await sumOf(files, 400)).toBe(3);
});

test("one weight is read at a time, and not before it is its turn", async () => {
  const { form, weights } = adding(400);
  const read: string[] = [];
  const told = weights.map((own) => ({
    ...own,
    read: async () => (read.push(own.name), own.read()),
  }));
  const [file] = modelFiles({ form, weights: told }, "model.onnx");
  const seen: number[] = [];
  for await (const _ of file!.parts()) seen.push(read.length);
  expect(seen).toEqual([0, 0, 1, 1, 2, 2, 3]);
});

test("a model of 2 GB is not made in one piece", async () => {
  const { form, weights } = adding(4);
  const large = weights.map((own) => ({ ...own, size: 1e9 }));
  await expect(modelBytes("exportOnnx", { form, weights: large })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: exportOnnx: the weights have 3.0 GB, and one ONNX file holds less than 2 GB.
      fix: save it to a folder with saveOnnx, which writes such weights beside the model, or use weights in fewer bits.]
  `);
});
