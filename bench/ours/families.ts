// Our side of the suite `families`: the tiny checkpoints of the parity tests, on a larger batch.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { configure, loadNetwork } from "patchclamp";

import { madeUp } from "../../test/golden/weights.ts";
import type { WeightRecipe } from "../../test/golden/weights.ts";
import { root, THREADS } from "../machine.ts";
import { prompt } from "../weights.ts";
import { writeCheckpoint } from "./checkpoint-files.ts";

const GOLDENS = path.join(root, "test", "golden");
export const BATCH = 8;
export const POS = 64;

/** A golden with weights that are made from their names. */
export interface FamilyCheckpoint {
  readonly name: string;
  readonly kind: string;
  /** Where its checkpoint lies for both sides. */
  readonly folder: string;
}

/** Every golden checkpoint, written out. */
export function familyCheckpoints(): FamilyCheckpoint[] {
  return readdirSync(GOLDENS).flatMap((name) => {
    const { kind, weights, seed } = metadataOf(name);
    if (kind === undefined || weights === undefined || seed === undefined) return [];
    // as it is: transformers tells 1.0 from 1
    const config = readFileSync(path.join(GOLDENS, name, "config.json"), "utf8");
    const tensors = Object.entries(madeUp(JSON.parse(weights) as WeightRecipe, seed)).map(
      ([tensor, { shape, data }]) => ({
        name: tensor,
        shape,
        storage: "F32" as const,
        bytes: () => new Uint8Array(data.buffer),
      }),
    );
    const folder = path.join(root, ".cache", "bench-families", `${name}-${seed}`);
    return [{ name, kind, folder: writeCheckpoint(folder, config, tensors) }];
  });
}

function metadataOf(name: string): Readonly<Record<string, string>> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path.join(GOLDENS, name, "golden.safetensors"));
  } catch {
    return {};
  }
  const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE()));
  const { __metadata__: metadata } = JSON.parse(header.toString()) as {
    __metadata__: Record<string, string>;
  };
  return metadata;
}

/** Token ids of the batch, as the peer has them too. */
export function batchOfTokens(dVocab: number): number[][] {
  const flat = prompt("families", BATCH * POS, dVocab);
  return Array.from({ length: BATCH }, (_, row) => flat.slice(row * POS, (row + 1) * POS));
}

/** One forward of a decoder: of every row, the first eight logits of the last position. */
export async function openDecoder(folder: string): Promise<() => Promise<readonly number[]>> {
  await configure({ threads: THREADS });
  const net = await loadNetwork(folder, { check: false });
  const rows = batchOfTokens(net.config.dVocab);
  return async () => {
    using pass = await net.run(rows);
    const logits = await pass.logits.numbers();
    const [batch, pos, dVocab] = pass.logits.shape as [number, number, number];
    return Array.from({ length: batch }, (_, row) => {
      const at = (row * pos + pos - 1) * dVocab;
      return [...logits.subarray(at, at + 8)];
    }).flat();
  };
}
