// Generation: tokens after the first, beside what the memory allows and beside other programs; and what steering costs.

import path from "node:path";

import { configure, quantise } from "patchclamp";
import type { LanguageNetwork } from "patchclamp";

import { writeDecoderFolder } from "../decoder-onnx.ts";
import type { Contest, Entry, Side } from "../harness.ts";
import { root, THREADS } from "../machine.ts";
import { sizeOf } from "../ours/checkpoint-files.ts";
import { decode, generateAll, lockstep } from "../ours/decoding.ts";
import type { Lockstep } from "../ours/decoding.ts";
import { openLlama } from "../ours/llama.ts";
import { gpt2Network } from "../ours/network.ts";
import { someIntervention } from "../ours/steered.ts";
import { NODE, PeerProcess } from "../peer-process.ts";
import type { PeerOffer } from "../peer-process.ts";
import type { Suite } from "../run.ts";
import { GPT2_SMALL, gpt2Tensors, gpt2Weights, prompt } from "../weights.ts";

/** New tokens of a generation, and the contexts that they begin in. */
const COUNT = 128;
const CONTEXTS = [128, 896];
/** Of log-probabilities beside numbers up to 96: 1e-3 nats. */
const TOLERANCE = 1e-5;
const BATCH = 8;

/** Everything that is made once for the whole suite, when first needed. */
class Bench {
  readonly python = new PeerProcess();
  readonly node = new PeerProcess(NODE);
  #gpt2: Promise<LanguageNetwork> | undefined;
  #prepacked: Promise<LanguageNetwork> | undefined;

  get gpt2(): Promise<LanguageNetwork> {
    this.#gpt2 ??= configure({ threads: THREADS }).then(() => gpt2Network(gpt2Weights(GPT2_SMALL)));
    return this.#gpt2;
  }

  /** As one opens a network to write much with it: twice the memory, and a second to load. */
  get prepacked(): Promise<LanguageNetwork> {
    this.#prepacked ??= this.gpt2.then((net) => quantise(net, { weights: "fp32-prepacked" }));
    return this.#prepacked;
  }

  close(): void {
    this.python.close();
    this.node.close();
  }
}

/** The suite `generate`. */
export function generate(): Suite {
  const bench = new Bench();
  const atContexts = (
    name: string,
    rest: Pick<Entry, "bar" | "target">,
    prepare: (bench: Bench, pos: number) => Promise<Contest>,
  ): Entry[] =>
    CONTEXTS.map((pos) => ({
      name: `${name}-${pos}`,
      unit: "ms",
      tolerance: TOLERANCE,
      ...rest,
      prepare: () => prepare(bench, pos),
    }));
  const entries: Entry[] = [
    ...atContexts("decode-floor", { bar: "at most 1.25x the floor", target: 1 / 1.25 }, floor),
    ...atContexts("decode-floor-plain", { bar: "reported", target: null }, plainFloor),
    ...atContexts("decode-transformers", { bar: "1.5x faster", target: 1.5 }, transformers),
    ...atContexts("decode-transformersjs", { bar: "1.5x faster", target: 1.5 }, transformersJs),
    {
      name: "decode-q4-llamacpp",
      unit: "ms",
      bar: "0.9x its speed",
      target: 0.9,
      prepare: () => llama(bench),
    },
    {
      name: "ten-interventions",
      unit: "ms",
      bar: "0.97x the unsteered speed",
      target: 0.97,
      rounds: 11,
      prepare: () => tenInterventions(bench),
    },
    {
      name: "mixed-batch",
      unit: "ms",
      bar: "3x faster",
      target: 3,
      tolerance: TOLERANCE,
      prepare: () => mixedBatch(bench),
    },
  ];
  return { entries, close: () => bench.close() };
}

/** Against reading the weights: all but the positions', of which a token needs one row. */
async function floor(bench: Bench, pos: number): Promise<Contest> {
  return floorOf(await bench.prepacked, bench, pos);
}

/** The same without copies of the weights. */
async function plainFloor(bench: Bench, pos: number): Promise<Contest> {
  return floorOf(await bench.gpt2, bench, pos);
}

async function floorOf(net: LanguageNetwork, bench: Bench, pos: number): Promise<Contest> {
  const weights = gpt2Tensors(GPT2_SMALL).filter(([name]) => name !== "wpe.weight");
  const count = weights.reduce((sum, [, dims]) => sum + sizeOf(dims), 0);
  const offer = await bench.python.offer("memory:read", "memory read", { count });
  const ours: Side = async () => {
    const { value } = await decode(net, [prompt("clean", pos, GPT2_SMALL.dVocab)], {
      maxTokens: COUNT,
    });
    return { value };
  };
  return against(offer, ours);
}

async function transformers(bench: Bench, pos: number): Promise<Contest> {
  const offer = await bench.python.offer("decoding:generate", "transformers", {
    pos,
    count: COUNT,
  });
  return against(offer, await decoding(bench, pos));
}

async function transformersJs(bench: Bench, pos: number): Promise<Contest> {
  const folder = path.join(root, ".cache", "bench-decoder-gpt2");
  writeDecoderFolder(folder, gpt2Weights(GPT2_SMALL));
  const given = prompt("clean", pos, GPT2_SMALL.dVocab).join();
  const args = { folder, prompt: given, count: COUNT, threads: THREADS };
  const offer = await bench.node.offer("transformers-js:generate", "transformers.js", args);
  return against(offer, await decoding(bench, pos));
}

async function decoding(bench: Bench, pos: number): Promise<Side> {
  const net = await bench.prepacked;
  return () => decode(net, [prompt("clean", pos, GPT2_SMALL.dVocab)], { maxTokens: COUNT });
}

async function llama(bench: Bench): Promise<Contest> {
  const { file, args, ours } = await openLlama();
  const offer = await bench.node.offer("llama-cpp:generate", "node-llama-cpp", { file, ...args });
  return against(offer, ours);
}

async function tenInterventions(bench: Bench): Promise<Contest> {
  const net = await bench.gpt2;
  const interventions = Array.from({ length: 10 }, (_, i) => someIntervention(i, GPT2_SMALL));
  const given = [prompt("clean", 128, GPT2_SMALL.dVocab)];
  // One run measures both; the side that comes first in a round starts it.
  let running: Promise<Lockstep> | undefined;
  const half =
    (which: keyof Lockstep): Side =>
    async () => {
      const isSecond = running !== undefined;
      running ??= lockstep(net, given, [{ maxTokens: 64, interventions }, { maxTokens: 64 }]);
      const { value } = (await running)[which];
      if (isSecond) running = undefined;
      return { value };
    };
  return { ours: half("first"), peer: half("second"), peerName: "ours, unsteered" };
}

async function mixedBatch(bench: Bench): Promise<Contest> {
  const net = await bench.gpt2;
  const rows = Array.from({ length: BATCH }, (_, i) => ({
    given: prompt(`row ${i}`, 24 + 4 * i, GPT2_SMALL.dVocab),
    own: someIntervention(i, GPT2_SMALL),
  }));
  const options = { maxTokens: 32 };
  return {
    ours: () =>
      generateAll(
        net,
        rows.map(({ given }) => given),
        { ...options, rowInterventions: rows.map(({ own }) => [own]) },
      ),
    peer: async () => {
      const all = [];
      for (const { given, own } of rows) {
        all.push(await generateAll(net, [given], { ...options, interventions: [own] }));
      }
      return {
        value: all.reduce((sum, { value }) => sum + value, 0),
        result: all.flatMap(({ result = [] }) => result),
      };
    },
    peerName: `ours, ${BATCH} runs one after the other`,
  };
}

function against(offer: PeerOffer, ours: Side): Contest {
  const { name: peerName, side } = offer;
  return side === undefined
    ? { ours, peerName, note: offer.reason }
    : { ours, peer: side, peerName };
}
