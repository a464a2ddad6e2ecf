import { expect, test } from "vitest";

import { memoryFiles } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import { encodeModel } from "../onnx/proto.ts";
import { openOnnx } from "./open-onnx.ts";

/** x times a matrix of [size, 4] that lies in another file. */
function withDataIn(location: string, size = 2): Uint8Array {
  return encodeModel({
    opsets: { "": 17 },
    nodes: [
      {
        name: "",
        opType: "MatMul",
        domain: "",
        inputs: ["x", location],
        outputs: ["y"],
        attrs: {},
      },
    ],
    initializers: [{ name: location, onnxType: 1, shape: [size, 4], bytes: "external" }],
    inputs: [{ name: "x", onnxType: 1, shape: ["rows", size] }],
    outputs: [{ name: "y", onnxType: 1, shape: ["rows", 4] }],
  });
}

const bytesOf = (numbers: readonly number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(numbers).buffer);

test("data in a file beside the model is part of it, in the model's own folder", async () => {
  const files = memoryFiles({
    "onnx/model.onnx": withDataIn("parts/w.bin"),
    "onnx/parts/w.bin": bytesOf([1, 2, 3, 4, 5, 6, 7, 8]),
  });
  const net = await openOnnx(files, "onnx/model.onnx");
  const out = await net.run({ x: [[1, 10]] });
  expect(Array.from(await out.at("y").numbers())).toEqual([51, 62, 73, 84]);
});

test("large data beside the model is read when it is needed, not to open it or to list its sites", async () => {
  const size = 8192;
  const stored = memoryFiles({
    "model.onnx": withDataIn("w.bin", size),
    "w.bin": bytesOf(Array.from({ length: size * 4 }, () => 1)),
  });
  const read: string[] = [];
  const files: Files = {
    ...stored,
    readRange: async (...range) => {
      read.push(range[0]);
      return stored.readRange(...range);
    },
  };
  const net = await openOnnx(files, "model.onnx", {
    example: { x: [Array.from({ length: size }, () => 1)] },
  });
  expect(net.sites().map(({ name }) => name)).toEqual(["x", "y"]);
  expect(read).toEqual([]);
  const out = await net.run({ x: [Array.from({ length: size }, () => 1)] });
  expect(Array.from(await out.at("y").numbers())).toEqual([size, size, size, size]);
  expect(read).toEqual(["w.bin"]);
});

test.each([
  "../secret",
  "a/../../secret",
  "/etc/passwd",
  String.raw`..\secret`,
  String.raw`C:\secret`,
  "file:secret",
  ".",
])("a model that says its data is in %s is refused", async (location) => {
  const files = memoryFiles({
    "model.onnx": withDataIn(location),
    secret: bytesOf([1, 2, 3, 4, 5, 6, 7, 8]),
  });
  await expect(openOnnx(files, "model.onnx")).rejects.toMatchObject({ code: "BAD_FILE" });
});

test("what is wrong with a model's data is said when it is opened", async () => {
  const opened = (contents: Record<string, Uint8Array | string>): Promise<unknown> =>
    openOnnx(memoryFiles(contents), "model.onnx");
  await expect(opened({ "model.onnx": withDataIn("../w.bin") })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: openOnnx: model.onnx says that data of it lies in "../w.bin", which is outside its folder.
      fix: load a model whose data lies beside it.]
  `);
  await expect(opened({ "model.onnx": withDataIn("w.bin") })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: openOnnx: model.onnx has the constant "w.bin" in "w.bin", which is not beside it.
      fix: load the model with the files that were saved with it.]
  `);
  await expect(opened({ "model.onnx": withDataIn("w.bin"), "w.bin": bytesOf([1]) })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: openOnnx: the constant "w.bin" takes 32 bytes, but w.bin holds 4 for it.
      fix: load the model with the files that were saved with it.]
  `);
  await expect(opened({ "model.onnx": "no model" })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: openOnnx: a message breaks off or is damaged at byte 1 of its 8.
      fix: load a whole ONNX file.]
  `);
});
