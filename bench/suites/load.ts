// Loading: from a file to weights in memory beside safetensors for Python, and to first logits beside transformers.

import { timed } from "../harness.ts";
import type { Contest, Entry } from "../harness.ts";
import { once } from "../machine.ts";
import { checkpointFolder, firstLogits, readAll, WEIGHT_BYTES } from "../ours/loading.ts";
import type { Storage } from "../ours/loading.ts";
import { peerOnce, PeerProcess } from "../peer-process.ts";
import type { Suite } from "../run.ts";

const MB = 2 ** 20;
/** Memory while loading, beyond that of the idle program, over the size of the weights as float32. */
const MEMORY_BAR = 1.15;

/** The suite `load`. */
export function load(): Suite {
  const peers = new PeerProcess();
  const reading = (storage: Storage): Entry => ({
    name: storage === "F32" ? "safetensors" : "safetensors-bf16",
    unit: "ms",
    bar: `0.8x its speed; peak memory at most ${MEMORY_BAR}x the weights`,
    target: 0.8,
    prepare: () => readEverything(peers, storage),
  });
  const first: Entry = {
    name: "first-logits",
    unit: "ms",
    bar: "0.8x its speed",
    target: 0.8,
    prepare: () => untilFirstLogits(peers),
  };
  return { entries: [reading("F32"), reading("BF16"), first], close: () => peers.close() };
}

async function readEverything(peers: PeerProcess, storage: Storage): Promise<Contest> {
  const folder = checkpointFolder(storage);
  const file = `${folder}/model.safetensors`;
  const offer = await peers.offer("loading:read_all", "safetensors", { file });
  const ours = async () => {
    const { ms, out } = await timed(() => readAll(folder));
    return { value: ms, result: out };
  };
  const mine = once(`read-${storage.toLowerCase()}`);
  const theirs = peerOnce("loading:read_all", { file });
  const share = (mine.peakMb - mine.restMb) / (WEIGHT_BYTES / MB);
  return {
    ours,
    peer: offer.side,
    peerName: offer.name,
    note: `${offer.side === undefined ? `${offer.reason}. ` : ""}our memory while loading is ${share.toFixed(2)}x the weights`,
    alsoHolds: share <= MEMORY_BAR,
    ...(theirs === undefined
      ? {}
      : {
          memory: {
            oursPeakMb: Math.round(mine.peakMb),
            peerPeakMb: Math.round(theirs.peakRssMb),
          },
        }),
  };
}

async function untilFirstLogits(peers: PeerProcess): Promise<Contest> {
  const folder = checkpointFolder("BF16");
  const offer = await peers.offer("loading:first_logits", "transformers", { folder });
  const ours = async () => {
    const { ms, out } = await timed(() => firstLogits(folder));
    return { value: ms, result: out };
  };
  if (offer.side === undefined) return { ours, peerName: offer.name, note: offer.reason };
  return { ours, peer: offer.side, peerName: offer.name };
}
