// Our side of the suite `families`: the tiny checkpoints of the parity tests, on a larger batch.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { configure, loadAny } from "patchclamp";
import type { Network } from "patchclamp";
import { tensor } from "patchclamp/tensor";

import { madeUp } from "../../test/golden/weights.ts";
import type { WeightRecipe } from "../../test/golden/weights.ts";
import { root, THREADS } from "../machine.ts";
import { prompt } from "../weights.ts";
import { writeCheckpoint } from "./checkpoint-files.ts";

const GOLDENS = path.join(root, "test", "golden");
const BATCH = 8;
const POS = 64;

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
  /** Ids are below it. */
  readonly dVocab: number;
  /** What a row of tokens begins with, where it does. */
  readonly image?: {
    /** [batch, channel, height, width] */
    readonly shape: readonly number[];
    /** The token that stands for it, as often as it has places. */
    readonly token: number;
    readonly length: number;
  };
}

/** A network that is ready to run, and what on. */
export interface Forward {
  readonly input: ForwardInput;
  /** Of the output: a peer's output is the one of this shape. */
  readonly outputShape: readonly number[];
  /** Runs once; of every row, the last numbers of the output, at most eight. */
  readonly run: () => Promise<readonly number[]>;
}

/** Opens a checkpoint. Undefined for networks that take several things at once. */
export async function openForward(folder: string): Promise<Forward | undefined> {
  await configure({ threads: THREADS });
  const any = await loadAny(folder, { check: false });
  if (any.kind === "decoder" || any.kind === "encoder" || any.kind === "seq2seq") {
    const { dVocab, nCtx } = any.network.config;
    const shape = [BATCH, Math.min(POS, nCtx)];
    const rows = tokenRows(shape[1]!, dVocab);
    const input = { kind: any.kind, shape, dVocab };
    if (any.kind === "seq2seq") return forward(any.network, { source: rows, target: rows }, input);
    return any.kind === "decoder"
      ? forward(any.network, rows, input)
      : forward(any.network, rows, input);
  }
  if (any.kind === "vision" && any.network.config.reads === undefined) {
    const { channels, image } = any.network.config;
    const shape = [BATCH, channels, image.height, image.width];
    const pixels = tensor(hashed(shape), { shape });
    return forward(any.network, pixels, { kind: any.kind, shape, dVocab: 0 });
  }
  if (any.kind === "vision-language") {
    const { nCtx, channels, image, imageToken: token, imageLength: length } = any.network.config;
    const shape = [BATCH, Math.min(POS, nCtx - length)];
    const ofImages = [BATCH, channels, image.height, image.width];
    const input = {
      kind: any.kind,
      shape,
      dVocab: token,
      image: { shape: ofImages, token, length },
    };
    const prompts = tokenRows(shape[1]!, token).map((row) => [token, ...row]);
    const images = tensor(hashed(ofImages), { shape: ofImages });
    return forward(any.network, { prompt: { prompts }, images }, input);
  }
  if (any.kind === "audio") {
    let time = POS;
    while (any.network.frames(time) < POS) time++;
    const flat = hashed([BATCH, time]);
    const rows = Array.from({ length: BATCH }, (_, i) => flat.slice(i * time, (i + 1) * time));
    return forward(any.network, rows, { kind: any.kind, shape: [BATCH, time], dVocab: 0 });
  }
  return undefined;
}

async function forward<Given>(
  network: Network<Given>,
  given: Given,
  input: ForwardInput,
): Promise<Forward> {
  const { shape: outputShape } = network.trace(given).at(network.output);
  const run = async (): Promise<readonly number[]> => {
    using pass = await network.run(given);
    const numbers = await pass.at(network.output).numbers();
    const size = numbers.length / BATCH;
    return Array.from({ length: BATCH }, (_, row) => {
      const end = (row + 1) * size;
      return [...numbers.subarray(end - Math.min(size, 8), end)];
    }).flat();
  };
  return { input, outputShape, run };
}

/** Ids without the four lowest, which are special: some networks take those for padding. */
function tokenRows(pos: number, dVocab: number): number[][] {
  const flat = prompt("families", BATCH * pos, dVocab - 4).map((id) => id + 4);
  return Array.from({ length: BATCH }, (_, row) => flat.slice(row * pos, (row + 1) * pos));
}

/** Numbers in -1..1. */
function hashed(shape: readonly number[]): Float32Array {
  const size = shape.reduce((product, one) => product * one, 1);
  return Float32Array.from(prompt("families", size, 2001), (word) => (word - 1000) / 1000);
}
