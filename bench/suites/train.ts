// Training: one step of ours beside one step of PyTorch.

import { timed } from "../harness.ts";
import type { Contest } from "../harness.ts";
import { openTraining } from "../ours/training.ts";
import { PeerProcess } from "../peer-process.ts";
import type { Suite } from "../run.ts";
import { gpt2Weights, prompt, TRAINED } from "../weights.ts";

const BATCH = 16;

/** The suite `train`. */
export function train(): Suite {
  const peers = new PeerProcess();
  const prepare = async (): Promise<Contest> => {
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
  };
  const bar = "as fast as PyTorch eager";
  const entries = [{ name: "train-step", unit: "ms", bar, target: 1, prepare }] as const;
  return { entries, close: () => peers.close() };
}
