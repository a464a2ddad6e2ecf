import { beforeAll, expect, test } from "vitest";

import { memoryFiles, readJson } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { quantise } from "../network/quantise.ts";
import { loadNetwork } from "../organisms/load-network.ts";
import { findPlace } from "../organisms/place.ts";
import { openGolden, readGolden } from "../../test/golden/read.ts";
import { openNetwork } from "./load.ts";
import { openEncoder } from "./open-encoder.ts";
import { saveEncoderOnnx, saveOnnx } from "./save-onnx.ts";

const TEXTS = ["Mira was at the park."];

let net: LanguageNetwork;
let source: Files;
beforeAll(async () => {
  net = await loadNetwork("organism:stories");
  source = (await findPlace("organism:stories")).files;
});

test("several forms of weights have room in one folder, and the config speaks of the last", async () => {
  const files = memoryFiles();
  const models: string[] = [];
  for (const weights of ["fp32", "fp16", "q8", "q4"] as const) {
    const own = quantise(net, { weights });
    const { model, dtype } = await saveOnnx(files, own, { source, compares: false });
    expect(await files.exists(model)).toBe(true);
    expect(dtype).toBe(weights);
    models.push(model);
  }
  expect(models).toEqual([
    "onnx/model.onnx",
    "onnx/model_fp16.onnx",
    "onnx/model_quantized.onnx",
    "onnx/model_q4.onnx",
  ]);
  expect(await readJson("test", files, "config.json")).toEqual({
    ...((await readJson("test", source, "config.json")) as object),
    "transformers.js_config": { dtype: "q4" },
  });
});

test("weights beside the model are in the config, and the comparison finds them", async () => {
  const files = memoryFiles();
  const limits = { mostInside: 1e5, mostBeside: 2e6 };
  const { parity, bytes } = await saveOnnx(files, net, { source, texts: TEXTS, ...limits });
  expect(parity!.maxAbs).toBeLessThan(1e-4); // float32, logits of order 10
  expect(await readJson("test", files, "config.json")).toMatchObject({
    "transformers.js_config": { dtype: "fp32", use_external_data_format: { "model.onnx": 2 } },
  });
  expect(bytes).toBeGreaterThan(3.3e6);
  expect(await files.size("onnx/model.onnx")).toBeLessThan(1e5);
  expect(await readJson("test", files, "onnx/model.parity.json")).toEqual(parity);
});

test("the tokenizer asks for the tokens that it puts before a text, and generation knows where to end", async () => {
  const files = memoryFiles();
  await saveOnnx(files, net, { source, compares: false });
  expect(await readJson("test", files, "tokenizer_config.json")).toMatchObject({
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: "<bos>",
    add_bos_token: true,
  });
  expect(await readJson("test", files, "generation_config.json")).toEqual({
    bos_token_id: 2,
    eos_token_id: 2,
    pad_token_id: 1,
  });
  expect(await files.read("tokenizer.json")).not.toHaveLength(0);
});

test("without the network's folder the model stands alone", async () => {
  const files = memoryFiles();
  await saveOnnx(files, net, { compares: false });
  expect(await files.exists("onnx/model.onnx")).toBe(true);
  expect(await files.list()).toEqual([]);
});

test("a folder that a save was cut short in holds no config, and can be saved to again", async () => {
  const files = memoryFiles();
  const full: Files = {
    ...files,
    write: async (path, bytes) => {
      if (path === "tokenizer.json") throw new Error("the disk is full");
      await files.write(path, bytes);
    },
  };
  await expect(saveOnnx(full, net, { source, compares: false })).rejects.toThrow("disk is full");
  expect(await files.exists("config.json")).toBe(false);
  await saveOnnx(files, net, { source, compares: false });
  expect(await files.exists("config.json")).toBe(true);
});

test("a text that the network cannot read is refused before anything is written", async () => {
  const files = memoryFiles();
  await expect(saveOnnx(files, net, { source, texts: [[999]] })).rejects.toThrow("999");
  expect(await files.exists("onnx/model.onnx")).toBe(false);
});

test.each(["bert", "modernbert", "roberta-classes"])(
  "an encoder, as %s, is saved with its config and compared too",
  async (name) => {
    const { files: golden } = await openGolden(name);
    const encoder = await openEncoder(golden, { check: false });
    const files = memoryFiles();
    const { model, parity } = await saveEncoderOnnx(files, encoder, { source: golden });
    expect([model, await files.list()]).toEqual([
      "onnx/model.onnx",
      ["config.json", "tokenizer.json", "tokenizer_config.json"],
    ]);
    expect(parity!.texts).toBe(3);
    expect(parity!.maxAbs).toBeLessThan(1e-4); // float32, a few layers
    expect(await readJson("test", files, "onnx/model.parity.json")).toEqual(parity);
  },
);

test("a network that cannot be exported leaves nothing behind", async () => {
  const { files: golden } = await readGolden("mamba");
  const files = memoryFiles();
  const mamba = await openNetwork(golden, { check: false });
  await expect(saveOnnx(files, mamba, { source: golden })).rejects.toThrow("recurrent layers");
  expect([await files.list(), await files.exists("onnx/model.onnx")]).toEqual([[], false]);
});

test("a model that is there already is not replaced", async () => {
  const files = memoryFiles({}, "stories-onnx");
  await saveOnnx(files, net, { source, compares: false });
  await expect(saveOnnx(files, net, { source })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: saveOnnx: stories-onnx holds onnx/model.onnx already.
      fix: save to another folder.]
  `);
});

test("a folder of another network is refused before anything is written", async () => {
  const files = memoryFiles({ "config.json": '{"model_type":"llama"}' }, "llama-onnx");
  await expect(saveOnnx(files, net, { source })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: saveOnnx: llama-onnx holds another network: its config.json is not that of organism:stories.
      fix: save to another folder.]
  `);
  expect(await files.exists("onnx/model.onnx")).toBe(false);
});
