// State spaces: a forward beside transformers, which runs its loop in PyTorch here.

import { timed } from "../harness.ts";
import type { Contest } from "../harness.ts";
import { MAMBA_130M, mambaFolder, openMamba } from "../ours/ssm.ts";
import { PeerProcess } from "../peer-process.ts";
import type { Suite } from "../run.ts";

const POS = 256;

/** The suite `ssm`. */
export function ssm(): Suite {
  const peers = new PeerProcess();
  const prepare = async (): Promise<Contest> => {
    const folder = mambaFolder("mamba-130m", MAMBA_130M);
    const offer = await peers.offer("ssm:forward", "transformers", { folder, pos: POS });
    const run = await openMamba(folder, POS);
    const ours = async () => {
      const { ms, out } = await timed(run);
      return { value: ms, result: out };
    };
    if (offer.side === undefined) return { ours, peerName: offer.name, note: offer.reason };
    return { ours, peer: offer.side, peerName: offer.name };
  };
  const entries = [
    { name: "mamba-forward", unit: "ms", bar: "2x faster", target: 2, prepare },
  ] as const;
  return { entries, close: () => peers.close() };
}
