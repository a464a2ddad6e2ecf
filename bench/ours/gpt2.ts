// Our side of the suite `engine`: what a user of PatchClamp writes for each task.

import * as ort from "onnxruntime-node";
import { configure, gradients, evaluate } from "patchclamp/tensor";
import type { Tensor } from "patchclamp/tensor";
import { everyLayerAndPosition } from "patchclamp";
import type { LanguageNetwork } from "patchclamp";

import { timed } from "../harness.ts";
import { THREADS } from "../machine.ts";
import type { Weights } from "../weights.ts";
import { gpt2Network } from "./network.ts";

type Tokens = readonly number[];

/** The tasks of the suite, on one network that is loaded once. */
export interface OurGpt2 {
  /** Logits of all positions, [pos * dVocab]. */
  readonly logits: (tokens: Tokens) => Promise<Float32Array>;
  /** The same, with `resid_post` of every block captured as well. */
  readonly logitsAndResid: (tokens: Tokens) => Promise<{ readonly logits: Float32Array }>;
  /** `resid_post` of one block alone. */
  readonly residPost: (tokens: Tokens, layer: number) => Promise<Float32Array>;
  /** Every site; returns the first four numbers of each block's output at the last position. */
  readonly everySite: (tokens: Tokens) => Promise<readonly number[]>;
  /** Attribution at every head's z, attn_out and mlp_out; returns the sum over positions and heads of each. */
  readonly attributionPatching: (clean: Tokens, corrupted: Tokens) => Promise<readonly number[]>;
  /** The logit difference of the corrupted prompt with `resid_pre` patched in each cell, layer by layer. */
  readonly patchingGrid: (clean: Tokens, corrupted: Tokens) => Promise<readonly number[]>;
  /** Milliseconds that one cached call of `logits` spends outside ONNX Runtime. */
  readonly callOverhead: (tokens: Tokens) => Promise<number>;
}

/** The logit difference that is explained, as peer.py has it. */
const [ANSWER, OTHER] = [5, 7];

/** Loads the network. */
export async function openGpt2(weights: Weights): Promise<OurGpt2> {
  await configure({ threads: THREADS });
  const net = gpt2Network(weights);
  const { nLayers, dModel } = weights.shape;
  const layers = Array.from({ length: nLayers }, (_, i) => i);
  const logits = async (tokens: Tokens): Promise<Float32Array> => {
    const out = await net.run([tokens]);
    return floats(out.logits);
  };
  return {
    logits,
    logitsAndResid: async (tokens) => {
      const out = await net.run([tokens], { capture: ["blocks.*.resid_post", "logits"] });
      return { logits: await floats(out.logits) };
    },
    residPost: async (tokens, layer) => {
      const site = `blocks.${layer}.resid_post`;
      const out = await net.run([tokens], { capture: site });
      return floats(out.at(site));
    },
    everySite: async (tokens) => {
      using out = await net.run([tokens], { capture: "**" });
      const ends = layers.map((i) => floats(out.at(`blocks.${i}.resid_post`)));
      const last = (tokens.length - 1) * dModel;
      return (await Promise.all(ends)).flatMap((x) => [...x.subarray(last, last + 4)]);
    },
    attributionPatching: (clean, corrupted) => attribution(net, clean, corrupted, layers),
    patchingGrid: async (clean, corrupted) => {
      const grid = await net.sweep({
        clean,
        corrupt: corrupted,
        cells: everyLayerAndPosition("resid_pre"),
        metric: difference,
      });
      return grid.values.flat();
    },
    callOverhead: (tokens) => outsideRuntime(() => logits(tokens)),
  };
}

async function attribution(
  net: LanguageNetwork,
  clean: Tokens,
  corrupted: Tokens,
  layers: readonly number[],
): Promise<readonly number[]> {
  const sites = layers.flatMap((i) =>
    ["attn.z", "attn_out", "mlp_out"].map((site) => `blocks.${i}.${site}`),
  );
  const there = net.trace([clean]);
  const here = net.trace([corrupted], { watch: sites });
  const slopes = gradients(
    difference(here.logits).squeeze(0),
    sites.map((site) => here.at(site)),
  );
  const scores = sites.map((site, i) =>
    there.at(site).sub(here.at(site)).mul(slopes[i]!).sum({ axis: -1 }),
  );
  await evaluate(scores);
  const data = await Promise.all(scores.map(floats));
  return data.map((values) => values.reduce((sum, value) => sum + value, 0));
}

/** logits[ANSWER] - logits[OTHER] at the last position of every row, [batch]. */
function difference(logits: Tensor): Tensor {
  const last = logits.slice({ axis: 1, start: -1 });
  const at = (id: number) => last.slice({ axis: 2, start: id, end: id + 1 });
  return at(ANSWER).sub(at(OTHER)).reshape([logits.shape[0]!]);
}

/** Time of a call, minus the time in which ONNX Runtime's own `run` was at work. */
async function outsideRuntime(call: () => Promise<unknown>): Promise<number> {
  const { prototype } = ort.InferenceSession as unknown as { readonly prototype: object };
  const original = Object.getOwnPropertyDescriptor(prototype, "run")!;
  let insideMs = 0;
  const run = original.value as (...args: unknown[]) => Promise<unknown>;
  const watched = async function watched(this: unknown, ...args: unknown[]): Promise<unknown> {
    const start = performance.now();
    try {
      return await run.apply(this, args);
    } finally {
      insideMs += performance.now() - start;
    }
  };
  Object.defineProperty(prototype, "run", { ...original, value: watched });
  try {
    const { ms } = await timed(call);
    if (insideMs === 0) throw new Error("the call did not go through InferenceSession.run");
    return ms - insideMs;
  } finally {
    Object.defineProperty(prototype, "run", original);
  }
}

async function floats(x: Tensor): Promise<Float32Array> {
  return (await x.data()) as Float32Array;
}
