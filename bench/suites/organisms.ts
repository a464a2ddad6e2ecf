// Organisms: how fast each is trained, beside what the machine would do if every operation were as fast as those of its best
// matrix product; and one forward of each that is trained beside transformers, which opens the same folder.

import { existsSync } from "node:fs";
import path from "node:path";

import { organismNames } from "patchclamp";

import type { Contest, Entry } from "../harness.ts";
import { root } from "../machine.ts";
import { openOrganism, openProducts } from "../ours/organisms.ts";
import { PeerProcess } from "../peer-process.ts";
import type { Suite } from "../run.ts";
import { forwardBesidePeer } from "./families.ts";

/** Sizes of the matrices that are tried, and how many are multiplied one after another. */
const SIZES = [512, 1024, 2048];
const COUNT = 4;
const TRIES = 3;

/** A way to multiply matrices. */
interface Products {
  readonly name: string;
  /** Does it once; returns operations per second. */
  readonly flopsPerSecond: () => Promise<number>;
}

/** The suite `organisms`: an entry of training for every organism, and one of opening for those that are trained. */
export function organisms(): Suite {
  const peers = new PeerProcess();
  let best: Promise<Products> | undefined;
  const entries = organismNames.map((name): Entry => ({
    name: `${name}-tokens`,
    unit: "tokens/s",
    bar: "reported",
    target: null,
    seconds: 5,
    prepare: async () => training(name, await (best ??= bestProducts(peers))),
  }));
  const folderOf = (name: string): string => path.join(root, "organisms", name);
  const forwards = organismNames
    .filter((name) => existsSync(path.join(folderOf(name), "card.json")))
    .map((name): Entry => ({
      name: `${name}-forward`,
      unit: "ms",
      bar: "the same values",
      target: null,
      seconds: 2,
      prepare: () => forwardBesidePeer(peers, folderOf(name)),
    }));
  return { entries: [...entries, ...forwards], close: () => peers.close() };
}

async function training(name: string, products: Products): Promise<Contest> {
  const { tokens, counted, flops, step } = await openOrganism(name);
  return {
    ours: async () => ({ value: await step() }),
    peer: async () => ({ value: (tokens / flops) * (await products.flopsPerSecond()) }),
    peerName: products.name,
    note: `${tokens} ${counted} and ${(flops / 1e9).toPrecision(3)} GFLOP a step`,
  };
}

/** The fastest product of matrices: of some sizes, in the engine and in PyTorch. */
async function bestProducts(peers: PeerProcess): Promise<Products> {
  let best: (Products & { readonly speed: number }) | undefined;
  for (const products of await waysToMultiply(peers)) {
    const speeds: number[] = [];
    for (let i = 0; i <= TRIES; i++) speeds.push(await products.flopsPerSecond());
    const speed = Math.max(...speeds);
    if (best === undefined || speed > best.speed) best = { ...products, speed };
  }
  return best!;
}

async function waysToMultiply(peers: PeerProcess): Promise<Products[]> {
  const ways: Products[] = [];
  const add = (program: string, size: number, ms: () => Promise<number>): void => {
    const flops = 2 * size ** 3 * COUNT;
    ways.push({
      name: `products of ${size} x ${size} numbers in ${program}`,
      flopsPerSecond: async () => flops / ((await ms()) / 1e3),
    });
  };
  for (const size of SIZES) {
    add("ONNX Runtime", size, await openProducts(size, COUNT));
    const { name, side } = await peers.offer("matmul:products", "PyTorch", { size, count: COUNT });
    if (side !== undefined) add(name, size, async () => (await side()).value);
  }
  return ways;
}
