// Our side of the suite `families`: the tiny checkpoints of the parity tests, on a larger batch.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { configure, loadAny } from "patchclamp";
import type { LanguageNetwork, Network } from "patchclamp";
import { tensor } from "patchclamp/tensor";

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

/** What a forward is run on: sizes that both sides make the same numbers of. */
export interface ForwardInput {
  readonly kind: string;
  /** [batch, pos] of tokens, [batch, channel, height, width] of pixels, [batch, time] of samples. */
  readonly shape: readonly number[];
  readonly dVocab: number;
}

/** A network that is ready to run, and what on. */
export interface Forward {
  readonly input: ForwardInput;
  /** Runs once; of every row, the last eight numbers of the output. */
  readonly run: () => Promise<readonly number[]>;
}

/** Opens a checkpoint. Undefined for networks that take several things at once. */
export async function openForward(folder: string): Promise<Forward | undefined> {
  await configure({ threads: THREADS });
  const any = await loadAny(folder, { check: false });
  if (any.kind === "decoder" || any.kind === "encoder") {
    const { dVocab } = any.network.config;
    const rows = tokenRows(dVocab);
    const shape = [BATCH, POS];
    // both take rows of ids
    const { network } = any as { network: LanguageNetwork };
    return { input: { kind: any.kind, shape, dVocab }, run: lastNumbers(network, rows) };
  }
  if (any.kind === "seq2seq") {
    const { network } = any;
    const { dVocab } = network.config;
    const source = tokenRows(dVocab);
    const run = lastNumbers(network, { source, target: source });
    return { input: { kind: any.kind, shape: [BATCH, POS], dVocab }, run };
  }
  if (any.kind === "vision" && any.network.config.reads === undefined) {
    const { network } = any;
    const { channels, image } = network.config;
    const shape = [BATCH, channels, image.height, image.width];
    const run = lastNumbers(network, tensor(hashed(shape), { shape }));
    return { input: { kind: any.kind, shape, dVocab: 0 }, run };
  }
  if (any.kind === "audio") {
    const { network } = any;
    let time = POS;
    while (network.frames(time) < POS) time++;
    const flat = hashed([BATCH, time]);
    const rows = Array.from({ length: BATCH }, (_, i) => flat.slice(i * time, (i + 1) * time));
    const run = lastNumbers(network, rows);
    return { input: { kind: any.kind, shape: [BATCH, time], dVocab: 0 }, run };
  }
  return undefined;
}

function lastNumbers<Given>(network: Network<Given>, given: Given): Forward["run"] {
  return async () => {
    using pass = await network.run(given);
    const output = pass.at(network.output);
    const numbers = await output.numbers();
    const size = numbers.length / BATCH;
    return Array.from({ length: BATCH }, (_, row) => [
      ...numbers.subarray((row + 1) * size - 8, (row + 1) * size),
    ]).flat();
  };
}

function tokenRows(dVocab: number): number[][] {
  const flat = prompt("families", BATCH * POS, dVocab);
  return Array.from({ length: BATCH }, (_, row) => flat.slice(row * POS, (row + 1) * POS));
}

/** Numbers in -1..1. */
function hashed(shape: readonly number[]): Float32Array {
  const size = shape.reduce((product, one) => product * one, 1);
  return Float32Array.from(prompt("families", size, 2001), (word) => (word - 1000) / 1000);
}
