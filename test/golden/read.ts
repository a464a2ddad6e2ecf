// Reads what test/golden/make.py wrote. Site names, shapes and meanings are described there.

import { readSafetensors, writeSafetensors } from "../../src/checkpoints/safetensors.ts";
import type { StoredTensor } from "../../src/checkpoints/safetensors.ts";
import {
  wordTokenizerConfig,
  wordTokenizerJson,
} from "../../src/checkpoints/tokenizer/word-tokenizer.ts";
import { memoryFiles, readJson } from "../../src/core/files.ts";
import type { Files } from "../../src/core/files.ts";
import { NEVER } from "../../src/nn/masks.ts";
import { openFolder } from "../../src/runtime/open-folder.ts";
import type { WeightRecipe } from "./weights.ts";
import { madeUp } from "./weights.ts";

declare global {
  interface ImportMeta {
    /** The modules whose paths match, by path; the test runner fills it in. */
    readonly glob: (pattern: string) => Readonly<Record<string, () => Promise<unknown>>>;
  }
}

/** What a golden is of, as its recipe says. */
export type GoldenKind = "audio" | "decoder" | "encoder" | "seq2seq" | "vision" | "vision-language";

/** Every folder that make.py wrote. */
export const goldenNames: readonly string[] = Object.keys(
  import.meta.glob("./*/golden.safetensors"),
).map((path) => path.split("/")[1]!);

/** The folders whose goldens are of one kind. */
export async function goldensOf(kind: GoldenKind): Promise<string[]> {
  const opened = await Promise.all(goldenNames.map(openGolden));
  return opened.filter((golden) => golden.kind === kind).map(({ name }) => name);
}

/** Numbers in row-major order. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A golden file and its checkpoint, whatever it is of. */
export interface GoldenFile {
  readonly name: string;
  readonly kind: GoldenKind;
  /** The checkpoint's folder, with a word tokenizer. */
  readonly files: Files;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Floating-point tensors whose names begin with `prefix`, without it. */
  readonly floats: (prefix: string) => Promise<Map<string, Values>>;
  /** An integer tensor as rows of its last axis. */
  readonly rows: (name: string) => Promise<number[][]>;
}

/** Opens `test/golden/<name>`. */
export async function openGolden(name: string): Promise<GoldenFile> {
  const folder = openFolder(new URL(name, import.meta.url).href);
  const { tensors, metadata } = await readSafetensors(folder, "golden.safetensors");
  return {
    name,
    kind: metadata["kind"] as GoldenKind,
    files: await checkpointOf(name, folder, metadata),
    tensors,
    floats: async (prefix) => {
      const found = new Map<string, Values>();
      for (const [key, tensor] of tensors) {
        if (tensor.dtype !== "F32" || !key.startsWith(prefix)) continue;
        const data = (await tensor.data()) as Float32Array;
        found.set(key.slice(prefix.length), { shape: tensor.shape, data });
      }
      return found;
    },
    rows: async (key) => {
      const tensor = tensors.get(key)!;
      const flat = Array.from((await tensor.data()) as BigInt64Array, Number);
      const size = tensor.shape.at(-1)!;
      return Array.from({ length: flat.length / size }, (_, i) =>
        flat.slice(i * size, (i + 1) * size),
      );
    },
  };
}

/** The folder as it was stored, or with weights made again from their names; and a tokenizer of 101 words. */
async function checkpointOf(
  name: string,
  folder: Files,
  metadata: Readonly<Record<string, string>>,
): Promise<Files> {
  const words = Array.from({ length: 97 }, (_, i) => `w${i + 4}`);
  const contents: Record<string, Uint8Array | string> = {
    "config.json": await folder.read("config.json"),
    "tokenizer.json": JSON.stringify(wordTokenizerJson(words)),
    "tokenizer_config.json": JSON.stringify(wordTokenizerConfig()),
  };
  const { weights, seed } = metadata;
  if (weights === undefined) {
    const stored = (await filesOf(folder)) ?? ["model.safetensors"];
    for (const file of stored) contents[file] = await folder.read(file);
  } else {
    const tensors = madeUp(JSON.parse(weights) as WeightRecipe, seed!);
    contents["model.safetensors"] = writeSafetensors(tensors);
  }
  return memoryFiles(contents, name);
}

/** The index and the shards of a stored checkpoint; undefined where one file holds all. */
async function filesOf(folder: Files): Promise<string[] | undefined> {
  const index = "model.safetensors.index.json";
  if (!(await folder.exists(index))) return undefined;
  const { weight_map: places } = (await readJson("readGolden", folder, index)) as {
    weight_map: Record<string, string>;
  };
  return [index, ...new Set(Object.values(places))];
}

export interface GoldenPrompt {
  readonly ids: readonly number[];
  /** The 20 tokens that greedy decoding appends to `ids`. */
  readonly greedy: readonly number[];
  /** Sites with batch size 1, by PatchClamp's name: all of the first prompt, the logits of the second. */
  readonly sites: ReadonlyMap<string, Values>;
}

export interface Golden {
  /** The checkpoint's folder. */
  readonly files: Files;
  readonly config: unknown;
  readonly prompts: readonly [GoldenPrompt, GoldenPrompt];
}

/** The checkpoint `test/golden/<name>` of a decoder and what transformers computes with it. */
export async function readGolden(name: string): Promise<Golden> {
  const { files, floats, rows } = await openGolden(name);
  const prompt = async (index: number): Promise<GoldenPrompt> => ({
    ids: (await rows(`${index}/input_ids`))[0]!,
    greedy: (await rows(`${index}/greedy`))[0]!,
    sites: await floats(`${index}/`),
  });
  return {
    files,
    config: JSON.parse(new TextDecoder().decode(await files.read("config.json"))) as unknown,
    prompts: [await prompt(0), await prompt(1)],
  };
}

/** Which positions of a padded batch hold tokens: 1 there, 0 at padding. */
export function maskOf(golden: Golden, side: "left" | "right"): number[][] {
  const lengths = golden.prompts.map(({ ids }) => ids.length);
  const longest = Math.max(...lengths);
  return lengths.map((length) =>
    Array.from({ length: longest }, (_, i) =>
      (side === "left" ? i >= longest - length : i < length) ? 1 : 0,
    ),
  );
}

export interface Difference {
  /** Largest absolute difference of two elements. */
  readonly maxAbs: number;
  /** The factor that best takes `want` to `got` (least squares): 1 when they agree. */
  readonly scale: number;
}

/** What hides a key, as a score holds it: `NEVER`, beside which a visible score's own number is lost. */
const HIDDEN = Math.fround(NEVER);

/**
 * Compares two sites of one shape, of which the second is the truth.
 *
 * @param site - its name; in scores [batch, head, query, key] only keys that the query may see are compared
 */
export function difference(site: string, got: Values, want: Values): Difference {
  if (got.shape.join() !== want.shape.join()) {
    throw new Error(`${site} has shape [${got.shape.join()}], not [${want.shape.join()}]`);
  }
  const isScores = site.endsWith(".scores");
  let maxAbs = 0;
  let product = 0;
  let square = 0;
  for (const [i, truth] of want.data.entries()) {
    const value = got.data[i]!;
    // a key that the mask hides: the golden holds 0 there
    if (isScores && truth === 0 && value === HIDDEN) continue;
    // A NaN stays in Math.max from here on, and no tolerance accepts it.
    maxAbs = Math.max(maxAbs, Math.abs(value - truth));
    product += value * truth;
    square += truth * truth;
  }
  return { maxAbs, scale: product / square };
}

/**
 * One row of a padded batch as the prompt by itself would have given it.
 *
 * @param site - its name; scores and pattern lose padding among queries and keys, a sink among queries, other sites among positions
 * @param values - [batch, pos, ...], or [batch, head, query, key]
 * @param mask - the row's mask, 1 at tokens
 * @returns the same axes with batch size 1 and the prompt's length
 */
export function unpad(site: string, values: Values, row: number, mask: readonly number[]): Values {
  const real = mask.flatMap((bit, i) => (bit === 1 ? [i] : []));
  const isSquare = /\.(scores|pattern)$/.test(site);
  const first = isSquare || site.endsWith(".sink") ? 1 : 0;
  const axes = values.shape.slice(1);
  const keep = axes.map((size, axis) =>
    axis === first || (isSquare && axis === 2) ? real : Array.from({ length: size }, (_, i) => i),
  );
  let offsets = [row];
  for (const [axis, kept] of keep.entries()) {
    offsets = offsets.flatMap((offset) => kept.map((i) => offset * axes[axis]! + i));
  }
  return {
    shape: [1, ...keep.map((kept) => kept.length)],
    data: Float32Array.from(offsets, (offset) => values.data[offset]!),
  };
}
