// Checkpoints whose config, weights and files beside them do not belong together.

import * as fc from "fast-check";

import { familyOf } from "../../src/architectures/index.ts";
import type { AnyFamily } from "../../src/architectures/family.ts";
import { openCheckpoint } from "../../src/checkpoints/checkpoint.ts";
import { familyParts, openNetwork, openSource } from "../../src/checkpoints/load.ts";
import { openAudio } from "../../src/checkpoints/open-audio.ts";
import { openEncoder } from "../../src/checkpoints/open-encoder.ts";
import { openSeq2Seq } from "../../src/checkpoints/open-seq2seq.ts";
import { openVision } from "../../src/checkpoints/open-vision.ts";
import { writeSafetensors } from "../../src/checkpoints/safetensors.ts";
import type { TensorToStore } from "../../src/checkpoints/safetensors.ts";
import type { Files } from "../../src/core/files.ts";
import { readJson } from "../../src/core/files.ts";
import type { Tree } from "../../src/core/tree.ts";
import { leaves } from "../../src/core/tree.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { mutatedJson } from "./json.ts";

type Json = Readonly<Record<string, unknown>>;
type Weights = Readonly<Record<string, TensorToStore>>;

/** A checkpoint to be damaged. */
export interface TinyCheckpoint {
  readonly config: Json;
  readonly weights: Weights;
  readonly tokenizerJson: Uint8Array;
}

/** Reads a folder's checkpoint into memory; undefined where nobody knows its architecture. */
export async function tinyCheckpoint(files: Files): Promise<TinyCheckpoint | undefined> {
  const config = (await readJson("fuzz", files, "config.json")) as Json;
  const isKnown = await familyOf("fuzz", files.name, config).then(
    () => true,
    () => false,
  );
  if (!isKnown) return undefined;
  const { tensors } = await openCheckpoint(files);
  const weights: Record<string, TensorToStore> = {};
  for (const { name, shape, data } of tensors.values())
    weights[name] = { shape, data: await data() };
  return { config, weights, tokenizerJson: await files.read("tokenizer.json") };
}

/** One thing that is wrong with one tensor, or nothing where it does not apply. */
type Damage = (name: string, tensor: TensorToStore) => Weights;

const damages: readonly Damage[] = [
  () => ({}),
  (name, tensor) => ({ [`${name}_copy`]: tensor, [name]: tensor }),
  (name, tensor) => ({ [name.slice(1)]: tensor }),
  (name, tensor) => ({ [name]: { ...tensor, shape: tensor.shape.toReversed() } }),
  (name, tensor) => ({ [name]: { ...tensor, shape: [1, ...tensor.shape] } }),
  (name, tensor) => ({ [name]: { ...tensor, shape: [tensor.data.length] } }),
  (name) => ({ [name]: { shape: [0], data: new Float32Array(0) } }),
  (name, { shape, data }) => ({ [name]: { shape, data: new Int32Array(data.length) } }),
  (name, { shape, data }) => ({
    [name]: { shape, data: Float32Array.from(data as Float32Array), dtype: "BF16" },
  }),
  (name, { shape, data }) => {
    const numbers = Float32Array.from(data as Float32Array);
    if (numbers.length > 0) numbers[numbers.length >> 1] = NaN;
    return { [name]: { shape, data: numbers } };
  },
];

const files = {
  "modules.json": [
    { idx: 0, name: "0", path: "", type: "sentence_transformers.models.Transformer" },
    { idx: 1, name: "1", path: "1_Pooling", type: "sentence_transformers.models.Pooling" },
  ],
  "1_Pooling/config.json": { word_embedding_dimension: 32, pooling_mode_mean_tokens: true },
  "sentence_bert_config.json": { max_seq_length: 16, do_lower_case: false },
  "preprocessor_config.json": {
    image_processor_type: "ViTImageProcessor",
    size: { height: 8, width: 8 },
    resample: 2,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  },
  "generation_config.json": { eos_token_id: [3], bos_token_id: 2 },
};

const beside = Object.entries(files).map(([path, json]) =>
  fc.option(
    mutatedJson(json).map((text) => [path, text] as const),
    { nil: undefined, freq: 2 },
  ),
);

/** A folder of one of the checkpoints, with a few things wrong in it. */
export function mismatchedFolders(
  all: readonly TinyCheckpoint[],
): fc.Arbitrary<Readonly<Record<string, Uint8Array | string>>> {
  const folders = all.map(({ config, weights, tokenizerJson }) => {
    const names = Object.keys(weights);
    const damage = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...damages));
    return fc
      .tuple(
        fc.oneof(fc.constant(JSON.stringify(config)), mutatedJson(config, Object.keys(config))),
        fc.array(damage, { maxLength: 2 }),
        fc.tuple(...beside),
      )
      .map(([text, wrong, others]) => ({
        "config.json": text,
        "model.safetensors": writeSafetensors(wrong.reduce(damaged, weights)),
        "tokenizer.json": tokenizerJson,
        ...Object.fromEntries(others.filter((file) => file !== undefined)),
      }));
  });
  return fc.oneof(...folders);
}

function damaged(weights: Weights, [name, damage]: readonly [string, Damage]): Weights {
  const { [name]: tensor, ...rest } = weights;
  return tensor === undefined ? weights : { ...rest, ...damage(name, tensor) };
}

const openers: Partial<
  Record<AnyFamily["kind"], (files: Files) => Promise<{ readonly params: Tree<Tensor> }>>
> = {
  decoder: (from) => openNetwork(from, { check: false }),
  encoder: (from) => openEncoder(from, { check: false }),
  audio: (from) => openAudio(from, { check: false }),
  vision: (from) => openVision(from, { check: false }),
  seq2seq: (from) => openSeq2Seq(from, { check: false }),
};

/** Opens a network of any kind, unchecked, and reads all its parameters. */
export async function readNetwork(folder: Files): Promise<void> {
  const config = await readJson("loadNetwork", folder, "config.json");
  const { kind } = await familyOf("loadNetwork", folder.name, config);
  const open =
    openers[kind] ?? (async (from) => familyParts("loadNetwork", await openSource(from), kind));
  const { params } = await open(folder);
  for (const [, tensor] of leaves<Tensor>(params)) await tensor.data();
}
