// Checkpoints whose config, weights and files beside them do not belong together.

import * as fc from "fast-check";

import { familyOf } from "../../src/architectures/index.ts";
import type { AnyFamily } from "../../src/architectures/family.ts";
import { openCheckpoint } from "../../src/checkpoints/checkpoint.ts";
import { openNetwork } from "../../src/checkpoints/load.ts";
import { openAudio } from "../../src/checkpoints/open-audio.ts";
import { openEncoder } from "../../src/checkpoints/open-encoder.ts";
import { openSeq2Seq } from "../../src/checkpoints/open-seq2seq.ts";
import { openVisionLanguage } from "../../src/checkpoints/open-vision-language.ts";
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

type Folder = Readonly<Record<string, Uint8Array | string>>;

/** A folder of one of the checkpoints, with a few things wrong in it. */
export function mismatchedFolders(all: readonly TinyCheckpoint[]): fc.Arbitrary<Folder> {
  const folders = all.map((checkpoint) => {
    const { config, weights } = checkpoint;
    const damage = fc.tuple(fc.constantFrom(...Object.keys(weights)), fc.constantFrom(...damages));
    return fc
      .tuple(
        fc.oneof(fc.constant(JSON.stringify(config)), changedConfig(config)),
        fc.array(damage, { maxLength: 2 }),
        fc.tuple(...beside),
      )
      .map(([text, wrong, others]) => ({
        ...folderOf(checkpoint, text, wrong.reduce(damaged, weights)),
        ...Object.fromEntries(others.filter((file) => file !== undefined)),
      }));
  });
  return fc.oneof(...folders);
}

/** A folder of one of the checkpoints, with a config that says something else of the same weights. */
export function reconfiguredFolders(all: readonly TinyCheckpoint[]): fc.Arbitrary<Folder> {
  return fc.oneof(
    ...all.map((checkpoint) =>
      changedConfig(checkpoint.config).map((text) => folderOf(checkpoint, text)),
    ),
  );
}

function changedConfig(config: Json): fc.Arbitrary<string> {
  return mutatedJson(config, Object.keys(config));
}

function folderOf(
  { weights, tokenizerJson }: TinyCheckpoint,
  config: string,
  stored: Weights = weights,
): Folder {
  return {
    "config.json": config,
    "model.safetensors": writeSafetensors(stored),
    "tokenizer.json": tokenizerJson,
  };
}

function damaged(weights: Weights, [name, damage]: readonly [string, Damage]): Weights {
  const { [name]: tensor, ...rest } = weights;
  return tensor === undefined ? weights : { ...rest, ...damage(name, tensor) };
}

type Opener = (
  files: Files,
  options: { check: boolean },
) => Promise<{ readonly params: Tree<Tensor> }>;

const openers: Readonly<Record<AnyFamily["kind"], Opener>> = {
  decoder: openNetwork,
  encoder: openEncoder,
  audio: openAudio,
  vision: openVision,
  seq2seq: openSeq2Seq,
  "vision-language": openVisionLanguage,
};

/**
 * Opens a network of any kind and reads all its parameters.
 *
 * @param check - whether it also runs and its invariants are checked
 */
export async function readNetwork(folder: Files, check: boolean): Promise<void> {
  const config = await readJson("loadNetwork", folder, "config.json");
  const { kind } = await familyOf("loadNetwork", folder.name, config);
  const { params } = await openers[kind](folder, { check });
  for (const [, tensor] of leaves<Tensor>(params)) await tensor.data();
}
