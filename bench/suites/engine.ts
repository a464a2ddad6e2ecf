// Recording, attributing and patching: ours beside a bare ONNX graph and beside TransformerLens.

import { bareForward } from "../bare-onnx.ts";
import { median, timed } from "../harness.ts";
import type { Contest, Entry, Side } from "../harness.ts";
import { once, THREADS } from "../machine.ts";
import { openGpt2 } from "../ours/gpt2.ts";
import type { OurGpt2 } from "../ours/gpt2.ts";
import { peerOnce, PeerProcess } from "../peer-process.ts";
import type { Suite } from "../run.ts";
import { GPT2_SMALL, gpt2Weights, prompt } from "../weights.ts";

const WEIGHTS = gpt2Weights(GPT2_SMALL);
const CLEAN = prompt("clean", 128, GPT2_SMALL.dVocab);
const CORRUPTED = prompt("corrupted", 128, GPT2_SMALL.dVocab);
/** Positions of the patching grid. */
const GRID_POS = 16;
const CAPTURED_LAYERS = [2, 5, 8];
const FIRST_CALL_MS = 1500;
const OVERHEAD_MS = 1;

/** Everything that is made once for the whole suite, when first needed. */
class Bench {
  readonly peers = new PeerProcess();
  #ours: Promise<OurGpt2> | undefined;

  get ours(): Promise<OurGpt2> {
    this.#ours ??= openGpt2(WEIGHTS);
    return this.#ours;
  }
}

/** The suite `engine`. */
export function engine(): Suite {
  const bench = new Bench();
  const entries: Entry[] = [
    {
      name: "capture-resid",
      unit: "ms",
      bar: "at most 1.10x its time",
      target: 1 / 1.1,
      prepare: () => captureResid(bench),
    },
    ...CAPTURED_LAYERS.map((k): Entry => ({
      name: `capture-layer-${k}`,
      unit: "ms",
      bar: `at most ${k + 1}/12 of the full forward + 8 %`,
      target: 1,
      prepare: () => captureLayer(bench, k),
    })),
    {
      name: "run-with-cache",
      unit: "ms",
      bar: "1.5x faster, lower peak memory",
      target: 1.5,
      prepare: () => runWithCache(bench),
    },
    {
      name: "attribution-patching",
      unit: "ms",
      bar: "1.5x faster",
      target: 1.5,
      prepare: () => attributionPatching(bench),
    },
    {
      name: "patching-grid",
      unit: "ms",
      bar: "4x faster",
      target: 4,
      // the peer takes half a minute a grid
      rounds: 3,
      seconds: 90,
      prepare: () => patchingGrid(bench),
    },
    {
      name: "call-overhead",
      unit: "ms",
      bar: "at most 1 ms",
      target: 1,
      rounds: 15,
      prepare: () => callOverhead(bench),
    },
    {
      name: "first-call",
      unit: "ms",
      bar: "at most 1.5 s",
      target: 1,
      rounds: 5,
      seconds: 0,
      prepare: firstCall,
    },
  ];
  return { entries, close: () => bench.peers.close() };
}

async function captureResid(bench: Bench): Promise<Contest> {
  const ours = await bench.ours;
  const options = { threads: THREADS };
  const plain = await bareForward(WEIGHTS, CLEAN, options);
  const given = await bareForward(WEIGHTS, CLEAN, {
    ...options,
    preallocate: true,
  });
  const isPlainFaster = (await faster(plain.run, given.run)) === plain.run;
  const [bare, other] = isPlainFaster ? [plain, given] : [given, plain];
  await other.close();
  const last = (logits: Float32Array) => [...logits.subarray(-GPT2_SMALL.dVocab).subarray(0, 64)];
  return {
    ours: async () => {
      const { ms, out } = await timed(() => ours.logitsAndResid(CLEAN));
      return { value: ms, result: last(out.logits) };
    },
    peer: async () => {
      const { ms, out } = await timed(bare.run);
      return { value: ms, result: last(out) };
    },
    peerName: `bare ONNX graph, ${isPlainFaster ? "its own outputs" : "preallocated outputs"}`,
    close: bare.close,
  };
}

/** The one of two that has the lower median of five, taken in turns. */
async function faster(
  a: () => Promise<unknown>,
  b: () => Promise<unknown>,
): Promise<() => Promise<unknown>> {
  const times = { a: [] as number[], b: [] as number[] };
  for (let i = 0; i < 6; i++) {
    const [first, second] = [(await timed(a)).ms, (await timed(b)).ms];
    if (i === 0) continue;
    times.a.push(first);
    times.b.push(second);
  }
  return median(times.a) <= median(times.b) ? a : b;
}

async function captureLayer(bench: Bench, k: number): Promise<Contest> {
  const ours = await bench.ours;
  const share = ((k + 1) / GPT2_SMALL.nLayers) * 1.08;
  return {
    ours: timeOf(() => ours.residPost(CLEAN, k)),
    peer: async () => ({ value: (await timed(() => ours.logits(CLEAN))).ms * share }),
    peerName: `our full forward x ${share.toFixed(2)}`,
  };
}

async function runWithCache(bench: Bench): Promise<Contest> {
  const ours = await bench.ours;
  const side: Side = async () => {
    const { ms, out } = await timed(() => ours.everySite(CLEAN));
    return { value: ms, result: out };
  };
  const contest = await againstPeer(bench, "run_with_cache", "TransformerLens", side);
  if (contest.peer === undefined) return contest;
  const [mine, theirs] = [once("run-with-cache"), peerOnce("run_with_cache")];
  if (theirs === undefined) return contest;
  return {
    ...contest,
    alsoHolds: mine.peakMb < theirs.peakRssMb,
    memory: { oursPeakMb: Math.round(mine.peakMb), peerPeakMb: Math.round(theirs.peakRssMb) },
  };
}

async function attributionPatching(bench: Bench): Promise<Contest> {
  const ours = await bench.ours;
  const side: Side = async () => {
    const { ms, out } = await timed(() => ours.attributionPatching(CLEAN, CORRUPTED));
    return { value: ms, result: out };
  };
  return againstPeer(bench, "attribution_patching", "TransformerLens", side);
}

async function patchingGrid(bench: Bench): Promise<Contest> {
  const ours = await bench.ours;
  const [clean, corrupted] = [CLEAN.slice(0, GRID_POS), CORRUPTED.slice(0, GRID_POS)];
  const side: Side = async () => {
    const { ms, out } = await timed(() => ours.patchingGrid(clean, corrupted));
    return { value: ms, result: out };
  };
  return againstPeer(bench, "patching_grid", "TransformerLens", side);
}

async function againstPeer(bench: Bench, task: string, name: string, ours: Side): Promise<Contest> {
  const offer = await bench.peers.offer(task, name);
  if (offer.side === undefined) return { ours, peerName: offer.name, note: offer.reason };
  return { ours, peer: offer.side, peerName: offer.name };
}

async function callOverhead(bench: Bench): Promise<Contest> {
  const ours = await bench.ours;
  return {
    ours: async () => ({ value: await ours.callOverhead(CLEAN) }),
    peer: async () => ({ value: OVERHEAD_MS }),
    peerName: "bar",
  };
}

async function firstCall(): Promise<Contest> {
  return {
    ours: async () => ({ value: once("first-call").ms }),
    peer: async () => ({ value: FIRST_CALL_MS }),
    peerName: "bar",
  };
}

function timeOf(work: () => Promise<unknown>): Side {
  return async () => ({ value: (await timed(work)).ms });
}
