// Mixtures of experts: a forward beside transformers.

import { timed } from "../harness.ts";
import type { Contest } from "../harness.ts";
import { moeFolder, openMoe, QWEN3_MOE } from "../ours/moe.ts";
import { PeerProcess } from "../peer-process.ts";
import type { Suite } from "../run.ts";

const BATCH = 4;
const POS = 128;

/** The suite `moe`. */
export function moe(): Suite {
  const peers = new PeerProcess();
  const prepare = async (): Promise<Contest> => {
    const folder = moeFolder("qwen3-moe", QWEN3_MOE);
    const size = { batch: BATCH, pos: POS };
    const offer = await peers.offer("moe:forward", "transformers", { folder, ...size });
    const run = await openMoe(folder, size);
    const ours = async () => {
      const { ms, out } = await timed(run);
      return { value: ms, result: out };
    };
    if (offer.side === undefined) return { ours, peerName: offer.name, note: offer.reason };
    return { ours, peer: offer.side, peerName: offer.name };
  };
  const bar = "1.5x faster";
  const entries = [{ name: "moe-forward", unit: "ms", bar, target: 1.5, prepare }] as const;
  return { entries, close: () => peers.close() };
}
