// The published transformers.js runs what we export, and writes what our own steered network writes.

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { env, pipeline } from "@huggingface/transformers";
import type { Tensor } from "@huggingface/transformers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openEncoder } from "../src/checkpoints/open-encoder.ts";
import { saveEncoderOnnx, saveOnnx } from "../src/checkpoints/save-onnx.ts";
import type { SaveOnnxOptions } from "../src/checkpoints/save-onnx.ts";
import type { LanguageGenerateOptions, LanguageNetwork } from "../src/network/language.ts";
import { quantise } from "../src/network/quantise.ts";
import { loadNetwork } from "../src/organisms/load-network.ts";
import { findPlace } from "../src/organisms/place.ts";
import { nodeFiles } from "../src/runtime/node-files.ts";
import { openGolden } from "./golden/read.ts";

const PROMPTS = ["Mira was at the park. That day she found", "Tomo was sad."];
const MAX_TOKENS = 12;

let folder: string;
let net: LanguageNetwork;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "patchclamp-transformers-js-"));
  net = await loadNetwork("organism:stories");
  env.allowRemoteModels = false;
  env.localModelPath = folder;
});
afterAll(() => rm(folder, { recursive: true }));

/** A steep enough wave that the organism writes another story. */
const steering = {
  interventions: [
    {
      kind: "add",
      site: "blocks.1.resid_post",
      vector: Array.from({ length: 128 }, (_, i) => Math.sin(i)),
      scale: 0.5,
    },
  ],
  strength: 2,
} as const;

/** Saves the organism, steered, in a folder that transformers.js finds under the name. */
async function saved(name: string, own: LanguageNetwork, options: SaveOnnxOptions): Promise<void> {
  const { files: source } = await findPlace("organism:stories");
  await saveOnnx(nodeFiles(join(folder, name)), own, { source, ...steering, ...options });
}

/** The tokens that our own network writes after each prompt. */
async function written(
  own: LanguageNetwork,
  options: LanguageGenerateOptions,
): Promise<number[][]> {
  const rows: number[][] = PROMPTS.map(() => []);
  for await (const { row, id } of own.generate(PROMPTS, { maxTokens: MAX_TOKENS, ...options }))
    rows[row]!.push(id);
  return rows;
}

function upToEnd(ids: readonly number[]): number[] {
  const end = ids.indexOf(net.tokenizer.eos!);
  return ids.slice(0, end < 0 ? ids.length : end);
}

describe.each(["fp32", "q4"] as const)("with %s weights", (weights) => {
  test("a steered organism writes the same tokens in transformers.js as here", async () => {
    const own = quantise(net, { weights });
    await saved(weights, own, { compares: false });
    const { tokenizer, model } = await pipeline("text-generation", weights);
    tokenizer.padding_side = "left";
    const inputs = tokenizer(PROMPTS, { padding: true }) as { input_ids: Tensor };
    const found = await model.generate({ ...inputs, max_new_tokens: MAX_TOKENS });
    await model.dispose();
    const length = inputs.input_ids.dims[1]!;
    const rows = (found as Tensor).tolist() as bigint[][];
    // a row that has ended goes on there until the others have
    const theirs = rows.map((row) => upToEnd(row.slice(length).map(Number)));
    const ours = await written(own, steering);
    expect(theirs).toEqual(ours);
    expect(ours).not.toEqual(await written(own, {}));
  });
});

test("its pipeline takes the folder as it is, and puts nothing but the story after the prompt", async () => {
  await saved("whole", net, { compares: false });
  const generator = await pipeline("text-generation", "whole");
  const found = await generator(PROMPTS[0]!, { max_new_tokens: MAX_TOKENS });
  await generator.dispose();
  const [ours] = await net.complete(PROMPTS[0]!, { maxTokens: MAX_TOKENS, ...steering });
  expect(found).toEqual([{ generated_text: `${PROMPTS[0]!} ${ours!}` }]);
});

test("weights that lie beside the model are found", async () => {
  await saved("beside", net, { compares: false, mostInside: 1e5, mostBeside: 1e6 });
  const files = await readdir(join(folder, "beside", "onnx"));
  expect(files.filter((name) => name.includes("_data"))).toHaveLength(4);
  const generator = await pipeline("text-generation", "beside");
  const found = await generator(PROMPTS[0]!, { max_new_tokens: MAX_TOKENS });
  await generator.dispose();
  const [ours] = await net.complete(PROMPTS[0]!, { maxTokens: MAX_TOKENS, ...steering });
  expect(found).toEqual([{ generated_text: `${PROMPTS[0]!} ${ours!}` }]);
});

test("an encoder gives it the hidden states that it has here", async () => {
  const { files: source } = await openGolden("bert");
  const encoder = await openEncoder(source);
  await saveEncoderOnnx(nodeFiles(join(folder, "bert")), encoder, { source, compares: false });
  const extractor = await pipeline("feature-extraction", "bert");
  const found = await extractor(["w4 w9 w17 w5", "w6 w8"]);
  await extractor.dispose();
  const ours = await encoder.run(["w4 w9 w17 w5", "w6 w8"], { capture: ["hidden"] });
  const hidden = ours.at("hidden");
  expect(found.dims).toEqual(hidden.shape);
  const want = await hidden.numbers();
  const length = hidden.shape[1]! * hidden.shape[2]!;
  // the second row ends in padding
  for (let i = 0; i < length; i++)
    expect(Math.abs(Number(found.data[i]) - want[i]!)).toBeLessThan(1e-5);
});
