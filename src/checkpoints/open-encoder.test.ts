import { describe, expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { memoryFiles } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import type { EncoderNetwork } from "../network/encoder.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { openNetwork } from "./load.ts";
import { openEncoder } from "./open-encoder.ts";
import { writeSafetensors } from "./safetensors.ts";
import type { TensorToStore } from "./safetensors.ts";
import { readSentenceForm } from "./sentence-form.ts";

const ids = [3, 1, 4, 1, 5];

async function hidden(net: EncoderNetwork): Promise<ArrayLike<number>> {
  return (await net.run(ids, { capture: "hidden" })).at("hidden").numbers();
}

/** A golden's folder whose tensors have other names; undefined leaves one out. */
async function renamed(golden: string, name: (old: string) => string | undefined): Promise<Files> {
  const { files } = await openGolden(golden);
  const { tensors } = await openCheckpoint(files);
  const stored: Record<string, TensorToStore> = {};
  for (const [old, tensor] of tensors) {
    const now = name(old);
    const data = (await tensor.data()) as Float32Array;
    if (now !== undefined) stored[now] = { shape: tensor.shape, data: data.slice() };
  }
  const config = await files.read("config.json");
  return memoryFiles(
    { "config.json": config, "model.safetensors": writeSafetensors(stored) },
    "folder",
  );
}

describe("openEncoder", () => {
  test("gain and bias of norms may be called gamma and beta, as they were at first", async () => {
    const old = await renamed("bert", (name) =>
      name
        .replace("LayerNorm.weight", "LayerNorm.gamma")
        .replace("LayerNorm.bias", "LayerNorm.beta"),
    );
    const { files } = await openGolden("bert");
    const difference = maxDifference(
      await hidden(await openEncoder(old)),
      await hidden(await openEncoder(files)),
    );
    expect(difference).toBe(0);
  });

  test("names may begin with the body's or not", async () => {
    const net = await openEncoder(await renamed("bert-pooler", (name) => `bert.${name}`));
    const { files } = await openGolden("bert-pooler");
    expect(maxDifference(await hidden(net), await hidden(await openEncoder(files)))).toBe(0);
  });

  test("a checkpoint without its pooler opens, and has no such site", async () => {
    const net = await openEncoder(
      await renamed("bert-pooler", (name) => (name.startsWith("pooler") ? undefined : name)),
    );
    await expect(net.run(ids, { capture: "pooler" })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: folder has no site "pooler": the checkpoint has no pooler, or its head reads every position.
        fix: the nearest are "pooled", "embed", "hidden"; all 22 are listed by \`patchclamp sites\`.]
    `);
  });

  test("a classifier without its pooler is refused", async () => {
    const files = await renamed("bert-classes", (name) =>
      name.includes("pooler") ? undefined : name,
    );
    await expect(openEncoder(files)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: openCheckpoint: folder has no tensor "bert.pooler.dense.weight"; the nearest of its 23 are "classifier.weight", "bert.embeddings.LayerNorm.weight", "bert.encoder.layer.0.output.dense.weight".]`,
    );
  });

  test("a tensor that no entry names is refused", async () => {
    const files = await renamed("bert", (name) =>
      name === "bert.embeddings.LayerNorm.bias" ? "bert.embeddings.LayerNorm.bios" : name,
    );
    await expect(openEncoder(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadNetwork: folder holds 1 tensor that its config.json gives no place, such as "bert.embeddings.LayerNorm.bios".
        fix: use the config.json that belongs to these weights.]
    `);
  });

  test("a decoder is no text encoder, and the reverse", async () => {
    const { files } = await openGolden("gpt2");
    await expect(openEncoder(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadEncoder: gpt2 is a network that predicts the next token, not a text encoder.
        fix: open it with loadNetwork.]
    `);
    const { files: bert } = await openGolden("bert");
    await expect(openNetwork(bert)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadNetwork: bert is a text encoder, not a network that predicts the next token.
        fix: open it with loadEncoder.]
    `);
  });
});

describe("readSentenceForm", () => {
  const steps = (...types: string[]): string =>
    JSON.stringify(
      types.map((type, i) => ({
        path: i === 0 ? "" : `${i}_${type}`,
        type: `some.module.${type}`,
      })),
    );
  const form = (files: Record<string, unknown>): Promise<unknown> =>
    readSentenceForm(
      memoryFiles(
        Object.fromEntries(
          Object.entries(files).map(([path, value]) => [
            path,
            typeof value === "string" ? value : JSON.stringify(value),
          ]),
        ),
        "folder",
      ),
    );
  const pooling = (config: object): Record<string, unknown> => ({
    "modules.json": steps("Transformer", "Pooling"),
    "1_Pooling/config.json": config,
  });

  test("a folder that says nothing means the mean, as it is", async () => {
    expect(await form({})).toMatchObject({ poolings: ["mean"], normalises: false });
  });

  test("all-MiniLM-L6-v2 as it is published", async () => {
    const read = await form({
      "modules.json": steps("Transformer", "Pooling", "Normalize"),
      "1_Pooling/config.json": {
        word_embedding_dimension: 384,
        pooling_mode_cls_token: false,
        pooling_mode_mean_tokens: true,
        pooling_mode_max_tokens: false,
        pooling_mode_mean_sqrt_len_tokens: false,
      },
      "sentence_bert_config.json": { max_seq_length: 256, do_lower_case: false },
      "tokenizer_config.json": { model_max_length: 512 },
    });
    expect(read).toEqual({
      poolings: ["mean"],
      normalises: true,
      maxTokens: 256,
      lowerCases: false,
    });
  });

  test("sentence-transformers 6 names ways to pool, and leaves the length to the tokenizer", async () => {
    const read = await form({
      ...pooling({
        embedding_dimension: 8,
        pooling_mode: ["lasttoken", "cls"],
        include_prompt: true,
      }),
      "sentence_bert_config.json": { transformer_task: "feature-extraction" },
      "tokenizer_config.json": { model_max_length: 256 },
    });
    expect(read).toMatchObject({
      poolings: ["lasttoken", "cls"],
      normalises: false,
      maxTokens: 256,
    });
  });

  test("no way to pool means the mean", async () => {
    const read = await form(pooling({ pooling_mode_mean_tokens: false }));
    expect(read).toMatchObject({ poolings: ["mean"] });
  });

  test("a step or a way to pool that is not computed is refused", async () => {
    const dense = { "modules.json": steps("Transformer", "Pooling", "Dense") };
    await expect(form(dense)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadEncoder: modules.json of folder lists the steps Transformer, Pooling, Dense, which are not computed here.
        fix: leave modules.json out to open the encoder alone, whose hidden states you can pool yourself.]
    `);
    await expect(form(pooling({ pooling_mode: "attention" }))).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadEncoder: 1_Pooling/config.json in folder pools by "attention", which is not computed here.
        fix: leave modules.json out to open the encoder alone, whose hidden states you can pool yourself.]
    `);
    await expect(form(pooling({ pooling_mode_star: false }))).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadEncoder: 1_Pooling/config.json in folder pools by "pooling_mode_star", which is not computed here.
        fix: leave modules.json out to open the encoder alone, whose hidden states you can pool yourself.]
    `);
  });

  test("files that are not what sentence-transformers writes are refused", async () => {
    await expect(form({ "modules.json": "{}" })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: loadEncoder: modules.json in folder is not what sentence-transformers writes: "": Invalid input: expected array, received object.]`,
    );
    await expect(
      form({ "modules.json": steps("Transformer", "Pooling") }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: files: folder has no file "1_Pooling/config.json".]`,
    );
  });
});
