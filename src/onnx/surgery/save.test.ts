import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { GraphWriter, FLOAT } from "../../../bench/onnx-writer.ts";
import {
  feeds,
  floats,
  goldenFolder,
  goldenPath,
  runModel,
} from "../../../test/golden/onnx/surgery/read.ts";
import type { Files } from "../../core/files.ts";
import { memoryFiles } from "../../core/files.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import { readModel } from "../model.ts";
import type { ExternalData } from "../model.ts";
import { surgery } from "./index.ts";

let folder: string;
let files: Files;
const whole = { files: goldenFolder, path: "external.onnx" };

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "surgery-"));
  files = nodeFiles(folder);
});
afterEach(() => rm(folder, { recursive: true }));

async function placesIn(files: Files, name: string): Promise<Record<string, ExternalData>> {
  const { initializers } = readModel("test", await files.read(name)).graph;
  return Object.fromEntries(initializers.map(({ name, data }) => [name, data as ExternalData]));
}

/** Counts the bytes that are read of each file. */
function counting(files: Files): { readonly counted: Files; readonly bytes: Map<string, number> } {
  const bytes = new Map<string, number>();
  const add = (path: string, count: number): void =>
    void bytes.set(path, (bytes.get(path) ?? 0) + count);
  const counted: Files = {
    ...files,
    read: async (path) => {
      const read = await files.read(path);
      add(path, read.length);
      return read;
    },
    readRange: (path, start, end, room) => {
      add(path, end - start);
      return files.readRange(path, start, end, room);
    },
  };
  return { counted, bytes };
}

describe("numbers that lie beside a model", () => {
  test("are not read when it is opened, listed and edited", async () => {
    const { counted, bytes } = counting(goldenFolder);
    const model = await surgery({ files: counted, path: "external.onnx" });
    expect(model.values()).toHaveLength(10);
    const { a, b } = { a: floats([2, 8]), b: floats([160, 2]) };
    model
      .cutAfter("h1")
      .bake([{ kind: "scale", site: "h0", gain: 2 }])
      .mergeLowRank("w0", {
        a: { shape: [2, 8], data: a.data as Float32Array },
        b: { shape: [160, 2], data: b.data as Float32Array },
      });
    expect([...bytes.keys()]).toEqual(["external.onnx"]);
  });

  test("go along to another folder as they are, with the same messages", async () => {
    const { written, kept } = await (await surgery(whole)).save(files, "sub/model.onnx");
    expect([written, kept]).toEqual([["sub/model.onnx"], ["sub/weights/external.bin"]]);
    const copy = await files.read("sub/weights/external.bin");
    expect(Buffer.from(copy).equals(await goldenFolder.read("weights/external.bin"))).toBe(true);
    const model = await files.read("sub/model.onnx");
    expect(Buffer.from(model).equals(await goldenFolder.read("external.onnx"))).toBe(true);
    // once more onto the same: nothing is copied, nothing is refused
    await (await surgery(whole)).save(files, "sub/model.onnx");
    expect(await runModel(path.join(folder, "sub/model.onnx"), feeds.external)).toEqual(
      await runModel(goldenPath("external"), feeds.external),
    );
  });

  test("stay behind where a model that is cut does not need them", async () => {
    const cut = (await surgery(whole)).cutAfter("a0");
    const { written } = await cut.save(files, "early.onnx");
    expect(written).toEqual(["early.onnx.data", "early.onnx"]);
    expect(await files.size("early.onnx.data")).toBe(8 * 160 * 4);
    expect(await files.list()).toEqual(["early.onnx", "early.onnx.data"]);
    const { a0 } = await runModel(await exposedWhole(), feeds.external);
    expect(await runModel(path.join(folder, "early.onnx"), feeds.external)).toEqual({ a0 });
  });

  test("stay where they are in the same folder, and only changed ones are written", async () => {
    await (await surgery(whole)).save(files, "model.onnx");
    const before = await placesIn(files, "model.onnx");
    const { counted, bytes } = counting(files);
    const opened = await surgery({ files: counted, path: "model.onnx" });
    const merged = opened.mergeLowRank("w1", {
      a: { shape: [1, 160], data: new Float32Array(160).fill(0.01) },
      b: { shape: [160, 1], data: new Float32Array(160).fill(0.5) },
    });
    const { written } = await merged.save(counted, "model.onnx");
    expect(written).toEqual(["model.onnx.data", "model.onnx"]);
    expect(bytes.get("weights/external.bin")).toBe(160 * 160 * 4);
    const after = await placesIn(files, "model.onnx");
    expect({ ...after, w1: 0 }).toEqual({ ...before, w1: 0 });
    expect(after["w1"]).toEqual({ location: "model.onnx.data", offset: 0, length: 160 * 160 * 4 });
    // the next new numbers go into another file: the last is read by the model
    const again = await (
      await surgery({ files, path: "model.onnx" })
    )
      .replaceInitializer("w1", { shape: [160, 160], data: new Float32Array(160 * 160) })
      .save(files, "model.onnx");
    expect(again.written).toEqual(["model.onnx.1.data", "model.onnx"]);
    const { y } = await runModel(path.join(folder, "model.onnx"), feeds.external);
    expect(y!.shape).toEqual([3, 4]);
  });

  test("are as they were, plus B A, when the runtime reads them", async () => {
    const low = {
      a: { shape: [1, 160], data: new Float32Array(160).fill(0.01) },
      b: { shape: [160, 1], data: new Float32Array(160).fill(0.5) },
    };
    const merged = (await surgery(whole)).expose(["a0", "h1"]).mergeLowRank("w1", low);
    await merged.save(files, "merged.onnx");
    const got = await runModel(path.join(folder, "merged.onnx"), feeds.external);
    const old = await runModel(await exposedWhole(), feeds.external);
    for (const [i, value] of got["h1"]!.numbers.entries()) {
      const row = old["a0"]!.numbers.slice(Math.floor(i / 160) * 160).slice(0, 160);
      const more = row.reduce((sum, x) => sum + x * 0.005, 0);
      // float32 sums of 160 products below 10
      expect(Math.abs(value - old["h1"]!.numbers[i]! - more)).toBeLessThan(1e-4);
    }
  });

  test("are never written over by another model's", async () => {
    await files.write("weights/external.bin", new Uint8Array(110_720));
    const { written, kept } = await (await surgery(whole)).save(files, "model.onnx");
    expect([written, kept]).toEqual([["model.onnx.data", "model.onnx"], []]);
    expect((await files.read("weights/external.bin")).every((byte) => byte === 0)).toBe(true);
    expect(await runModel(path.join(folder, "model.onnx"), feeds.external)).toEqual(
      await runModel(goldenPath("external"), feeds.external),
    );
  });

  test("must be at hand for a model given as bytes", async () => {
    const model = await surgery(await goldenFolder.read("external.onnx"));
    await expect(model.save(files, "model.onnx")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery.save: the model reads "weights/external.bin", which is not in the folder, and it was given as bytes.
        fix: open it with surgery({ files, path }).]
    `);
    expect(await readdir(folder)).toEqual([]);
  });

  test("are refused where their file is too short, and nothing is written", async () => {
    const short = memoryFiles({
      "external.onnx": await goldenFolder.read("external.onnx"),
      "weights/external.bin": new Uint8Array(1000),
    });
    const model = (await surgery({ files: short, path: "external.onnx" })).cutAfter("a0");
    const low = {
      a: { shape: [1, 8], data: new Float32Array(8) },
      b: { shape: [160, 1], data: new Float32Array(160) },
    };
    await expect(
      model.mergeLowRank("w0", low).save(files, "model.onnx"),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: files: bytes 0..5120 of "weights/external.bin" in memory were asked for, but it has 1000 bytes.]`,
    );
    expect(await readdir(folder)).toEqual([]);
  });
});

/** The model with its inner values, run where its weights are. */
async function exposedWhole(): Promise<string> {
  await (await surgery(whole)).expose(["a0", "h1"]).save(files, "whole/model.onnx");
  return path.join(folder, "whole/model.onnx");
}

describe("paths that lead out of the folder", () => {
  test.each([
    "../weights.bin",
    "/etc/passwd",
    "C:\\weights.bin",
    "a/../../b",
    "a\\..\\b",
    "",
    "a//b",
    "d:w",
  ])("are refused before anything is read: %j", async (location) => {
    const graph = new GraphWriter();
    const x = graph.input("x", FLOAT, [1, 2]);
    const w = graph.external("w", [2, 2], { location, offset: 0, length: 16 });
    graph.output(graph.node("MatMul", [x, w]), "y", [1, 2]);
    const { counted, bytes } = counting(memoryFiles({ "sub/model.onnx": graph.finish() }));
    await expect(surgery({ files: counted, path: "sub/model.onnx" })).rejects.toThrowError(
      /no path within its own folder|another file that it does not name/,
    );
    expect([...bytes.keys()]).toEqual(["sub/model.onnx"]);
  });

  test("are refused in words", async () => {
    const graph = new GraphWriter();
    graph.external("w", [2, 2], { location: "../w", offset: 0, length: 16 });
    await expect(surgery(graph.finish())).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: surgery: the model keeps data in "../w", which is no path within its own folder.
        fix: do not trust the file, or save it again with data beside the model and without ".." in its path.]
    `);
  });
});

test("a model is not written over a file that it reads", async () => {
  const memory = memoryFiles({
    "external.onnx": await goldenFolder.read("external.onnx"),
    "weights/external.bin": await goldenFolder.read("weights/external.bin"),
  });
  const graph = new GraphWriter();
  const x = graph.input("x", FLOAT, [1, 2]);
  const w = graph.external("w", [2, 2], { location: "w.bin", offset: 0, length: 16 });
  graph.output(graph.node("MatMul", [x, w]), "y", [1, 2]);
  await memory.write("m.onnx", graph.finish());
  await memory.write("w.bin", new Uint8Array(16));
  const model = await surgery({ files: memory, path: "m.onnx" });
  await expect(model.save(memory, "w.bin")).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: surgery.save: "w.bin" is taken by a file that the model reads its numbers from, or by another with its name.
      fix: save under another name or in an empty folder.]
  `);
});

test("new numbers go into a model that has none beside it", async () => {
  const model = await surgery({ files: goldenFolder, path: "decoder.onnx" });
  const weight = { shape: [160, 160], data: new Float32Array(160 * 160) };
  const graph = new GraphWriter();
  graph.output(graph.node("Relu", [graph.input("x", FLOAT, ["n", 160])]), "y", ["n", 160]);
  const wide = (await surgery(graph.finish())).bake([{ kind: "affine", site: "y", weight }]);
  expect(await wide.save(files, "wide.onnx")).toEqual({ written: ["wide.onnx"], kept: [] });
  const { y } = await runModel(path.join(folder, "wide.onnx"), { x: floats([2, 160]) });
  expect(new Set(y!.numbers)).toEqual(new Set([0]));
  expect(await model.save(files, "d.onnx")).toEqual({ written: ["d.onnx"], kept: [] });
});
