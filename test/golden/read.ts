// Reads what test/golden/make.py wrote. Site names, shapes and meanings are described there.

import { readSafetensors } from "../../src/checkpoints/safetensors.ts";
import { readJson } from "../../src/core/files.ts";
import type { Files } from "../../src/core/files.ts";
import { openFolder } from "../../src/runtime/open-folder.ts";

export const goldenNames = ["gpt2", "llama", "llama3-rope"] as const;

export type GoldenName = (typeof goldenNames)[number];

/** Numbers in row-major order. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface GoldenPrompt {
  readonly ids: readonly number[];
  /** The 20 tokens that greedy decoding appends to `ids`. */
  readonly greedy: readonly number[];
  /** Every site and the logits, each with batch size 1, by PatchClamp's name. */
  readonly sites: ReadonlyMap<string, Values>;
}

export interface GoldenBatch {
  /** Both prompts as rows of one length. */
  readonly ids: readonly (readonly number[])[];
  /** 1 at tokens, 0 at padding. */
  readonly mask: readonly (readonly number[])[];
  /** [batch, pos, dVocab], with zeros at padding. */
  readonly logits: Values;
}

export interface Golden {
  /** The checkpoint's folder. */
  readonly files: Files;
  readonly config: unknown;
  readonly prompts: readonly [GoldenPrompt, GoldenPrompt];
  readonly left: GoldenBatch;
  readonly right: GoldenBatch;
}

/** The checkpoint `test/golden/<name>` and what transformers computes with it. */
export async function readGolden(name: GoldenName): Promise<Golden> {
  const files = openFolder(new URL(name, import.meta.url).href);
  const { tensors } = await readSafetensors(files, "golden.safetensors");
  const floats = async (key: string): Promise<Values> => {
    const tensor = tensors.get(key)!;
    return { shape: tensor.shape, data: (await tensor.data()) as Float32Array };
  };
  const rows = async (key: string): Promise<number[][]> => {
    const tensor = tensors.get(key)!;
    const flat = Array.from((await tensor.data()) as BigInt64Array, Number);
    const [batch, pos] = tensor.shape as [number, number];
    return Array.from({ length: batch }, (_, i) => flat.slice(i * pos, (i + 1) * pos));
  };
  const prompt = async (index: number): Promise<GoldenPrompt> => {
    const sites = new Map<string, Values>();
    for (const [key, { dtype }] of tensors) {
      if (dtype !== "F32" || !key.startsWith(`${index}/`)) continue;
      sites.set(key.slice(2), await floats(key));
    }
    const ids = (await rows(`${index}/input_ids`))[0]!;
    return { ids, greedy: (await rows(`${index}/greedy`))[0]!, sites };
  };
  const batch = async (side: "left" | "right"): Promise<GoldenBatch> => ({
    ids: await rows(`${side}/input_ids`),
    mask: await rows(`${side}/attention_mask`),
    logits: await floats(`${side}/logits`),
  });
  return {
    files,
    config: await readJson("readGolden", files, "config.json"),
    prompts: [await prompt(0), await prompt(1)],
    left: await batch("left"),
    right: await batch("right"),
  };
}

export interface Difference {
  /** Largest absolute difference of two elements. */
  readonly maxAbs: number;
  /** The factor that best takes `want` to `got` (least squares): 1 when they agree. */
  readonly scale: number;
}

/**
 * Compares two sites of one shape, of which the second is the truth.
 *
 * @param site - its name; in scores [batch, head, query, key] only keys that the query may see are compared
 */
export function difference(site: string, got: Values, want: Values): Difference {
  if (got.shape.join() !== want.shape.join()) {
    throw new Error(`${site} has shape [${got.shape.join()}], not [${want.shape.join()}]`);
  }
  const [queries, keys] = site.endsWith(".scores") ? want.shape.slice(-2) : [];
  let maxAbs = 0;
  let product = 0;
  let square = 0;
  for (const [i, truth] of want.data.entries()) {
    if (queries && keys && i % keys > Math.floor(i / keys) % queries) continue;
    const value = got.data[i]!;
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
 * @param site - its name; scores and pattern lose padding among queries and keys, other sites among positions
 * @param values - [batch, pos, ...], or [batch, head, query, key]
 * @param mask - the row's mask, 1 at tokens
 * @returns the same axes with batch size 1 and the prompt's length
 */
export function unpad(site: string, values: Values, row: number, mask: readonly number[]): Values {
  const real = mask.flatMap((bit, i) => (bit === 1 ? [i] : []));
  const isSquare = /\.(scores|pattern)$/.test(site);
  const axes = values.shape.slice(1);
  const keep = axes.map((size, axis) =>
    (isSquare ? axis > 0 : axis === 0) ? real : Array.from({ length: size }, (_, i) => i),
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
