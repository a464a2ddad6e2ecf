// Every family: one forward of its tiny checkpoint beside transformers.

import { timed } from "../harness.ts";
import type { Contest, Entry } from "../harness.ts";
import { familyCheckpoints, openForward } from "../ours/families.ts";
import { PeerProcess } from "../peer-process.ts";
import type { Suite } from "../run.ts";

/** The suite `families`: one entry a golden checkpoint. */
export function families(): Suite {
  const peers = new PeerProcess();
  const entries = familyCheckpoints().map(({ name, folder }): Entry => ({
    name,
    unit: "ms",
    bar: "1.5x faster, as the median of all families",
    target: 1.5,
    rounds: 15,
    seconds: 2,
    prepare: () => forwardBesidePeer(peers, folder),
  }));
  return { entries, close: () => peers.close() };
}

/** One forward of a checkpoint in both, the values of which must agree. */
export async function forwardBesidePeer(peers: PeerProcess, folder: string): Promise<Contest> {
  const opened = await openForward(folder);
  if (opened === undefined)
    throw new Error("it takes things that this suite does not make, and has no entry yet");
  const { input, outputShape, run } = opened;
  const { image } = input;
  const offer = await peers.offer("families:forward", "transformers", {
    folder,
    kind: input.kind,
    shape: input.shape.join(),
    vocabulary: input.dVocab,
    image: image?.shape.join() ?? "",
    imageToken: image?.token ?? 0,
    imageLength: image?.length ?? 0,
    output: outputShape.join(),
  });
  const ours = async () => {
    const { ms, out } = await timed(run);
    return { value: ms, result: out };
  };
  if (offer.side === undefined) return { ours, peerName: offer.name, note: offer.reason };
  return { ours, peer: offer.side, peerName: offer.name };
}
