// Training: one step of ours beside one step of PyTorch, of a network of GPT-2's form and of an organism's recipe.

import { timed } from "../harness.ts";
import type { Contest, Entry } from "../harness.ts";
import { openLanguageTraining, openTraining } from "../ours/training.ts";
import { PeerProcess } from "../peer-process.ts";
import type { Suite } from "../run.ts";
import { gpt2Weights, prompt, TRAINED } from "../weights.ts";

const BATCH = 16;
/** How much of the mean square AdamW keeps when organisms are trained. */
const BETA2 = 0.98;
/** Losses that are compared: later ones drift apart, since rounding grows from step to step. */
const KEPT = 8;

/** The suite `train`. */
export function train(): Suite {
  const peers = new PeerProcess();
  const asFast = { unit: "ms", bar: "as fast as PyTorch eager", target: 1 } as const;
  const entries: readonly Entry[] = [
    { ...asFast, name: "train-step", prepare: () => trainStep(peers) },
    // float32 sums of a few hundred numbers in another order, a few steps long
    { ...asFast, name: "language-step", tolerance: 1e-5, prepare: () => languageStep(peers) },
  ];
  return { entries, close: () => peers.close() };
}

async function trainStep(peers: PeerProcess): Promise<Contest> {
  const step = await openTraining(gpt2Weights(TRAINED), {
    text: prompt("text", BATCH * (TRAINED.nCtx + 1), TRAINED.dVocab),
    batch: BATCH,
    learningRate: 3e-4,
    weightDecay: 0.01,
  });
  const offer = await peers.offer("train_step", "PyTorch");
  const ours = async () => {
    const { ms, out } = await timed(step);
    return { value: ms, result: [out] };
  };
  if (offer.side === undefined) return { ours, peerName: offer.name, note: offer.reason };
  return { ours, peer: offer.side, peerName: offer.name };
}

async function languageStep(peers: PeerProcess): Promise<Contest> {
  const { folder, rows, pos, recipe, step } = await openLanguageTraining();
  const offer = await peers.offer("language:train_step", "PyTorch", {
    folder,
    rows,
    pos,
    rate: recipe.learningRate,
    warmup: recipe.warmupSteps,
    decay: recipe.weightDecay,
    beta2: BETA2,
    clip: recipe.clip,
    kept: KEPT,
  });
  const losses: number[] = [];
  const ours = async () => {
    const { ms, out } = await timed(step);
    losses.push(out);
    return { value: ms, result: losses.slice(0, KEPT) };
  };
  if (offer.side === undefined) return { ours, peerName: offer.name, note: offer.reason };
  return { ours, peer: offer.side, peerName: offer.name };
}
