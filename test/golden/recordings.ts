// The recordings that goldens of networks that listen are made with, by the same arithmetic as in audio.py.

import type { GoldenFile, Values } from "./read.ts";
import { madeUp } from "./weights.ts";

/** A recording and what transformers computes of it. */
export interface GoldenRecording {
  readonly samples: Float32Array;
  /** Sites with batch size 1: all of the first recording, the outputs of the second. */
  readonly sites: ReadonlyMap<string, Values>;
}

/** Both recordings of a golden, of which the first is the shorter. */
export async function recordingsOf({
  floats,
  rows,
}: GoldenFile): Promise<readonly [GoldenRecording, GoldenRecording]> {
  const recording = async (index: number): Promise<GoldenRecording> => {
    const [[length]] = (await rows(`${index}/length`)) as [[number]];
    const name = `samples/${index}`;
    const samples = madeUp({ [name]: [[length], 0.2, 0.5] }, "0")[name]!.data;
    return { samples, sites: await floats(`${index}/`) };
  };
  return [await recording(0), await recording(1)];
}
