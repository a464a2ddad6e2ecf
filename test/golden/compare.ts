// What every parity test asks: is each recorded site the one of transformers?

import type { Pass } from "../../src/network/network.ts";
import type { Tensor } from "../../src/runtime/index.ts";
import { difference } from "./read.ts";
import type { Values } from "./read.ts";

/** float32 through a few layers of width 16 to 48: the bound the project promises, on activations of order 1 to 10. */
export const MAX_ABS = 1e-4;
/** How far the factor between ours and theirs may be from 1: a right tensor times a constant is wrong. */
const SCALE = 1e-3;

/** A tensor's numbers and shape. */
export async function values(tensor: Tensor): Promise<Values> {
  return { shape: tensor.shape, data: (await tensor.data()) as Float32Array };
}

/** The sites of a pass that are not what was recorded, and by how much. */
export async function wrongSites(
  pass: Pass | ((site: string) => Promise<Values>),
  sites: Iterable<readonly [string, Values]>,
): Promise<string[]> {
  const own = typeof pass === "function" ? pass : (site: string) => values(pass.at(site));
  const wrong: string[] = [];
  for (const [site, want] of sites) {
    const { maxAbs, scale } = difference(site, await own(site), want);
    const isRight = maxAbs <= MAX_ABS && Math.abs(scale - 1) <= SCALE;
    if (!isRight) wrong.push(`${site}: off by ${maxAbs}, scale ${scale}`);
  }
  return wrong;
}
