// Which experts of a mixture tokens use, and how to switch some on or off.

import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import { ALWAYS } from "../nn/moe.ts";
import { NEVER } from "../nn/masks.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Pass } from "./network.ts";
import type { Edit } from "./tap.ts";

/** Which experts `switchExperts` switches, by number. */
export interface ExpertSwitches {
  /** Experts that every token uses. Default: none. */
  on?: readonly number[];
  /** Experts that no token uses. Default: none. */
  off?: readonly number[];
}

/**
 * An edit for `blocks.{i}.moe.router_logits` that makes every token use some experts, or none use others.
 *
 * An expert that is on weighs what a token's best other expert would; where more are on than a token has experts, the first are
 * used. Where fewer are left than a token has experts, the others of the token weigh 0.
 *
 * @returns the edit: `net.run(prompt, { edit: { "blocks.0.moe.router_logits": switchExperts({ off: [3] }) } })`
 * @throws PatchClampError `BAD_OPTION` when no expert is named, or one is both on and off; the edit, when there is no such expert
 */
export function switchExperts(options: ExpertSwitches): Edit {
  const { on = [], off = [] } = options;
  const where = "switchExperts";
  const both = on.find((expert) => off.includes(expert));
  if (both !== undefined || on.length + off.length === 0) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem:
        both === undefined
          ? "no expert is named, so nothing would change."
          : `expert ${both} is to be both on and off.`,
      fix: "name experts in on or in off, by their numbers.",
    });
  }
  return (logits, { site }) => {
    const count = logits.shape.at(-1)!;
    const odd = [...on, ...off].find((i) => !Number.isInteger(i) || i < 0 || i >= count);
    if (odd !== undefined) {
      throw new PatchClampError("BAD_OPTION", {
        where,
        problem: `"${site}" has ${plural(count, "expert")}, 0..${count - 1}, and no expert ${odd}.`,
      });
    }
    const marks = new Float32Array(count);
    for (const expert of on) marks[expert] = ALWAYS;
    for (const expert of off) marks[expert] = NEVER;
    return logits.add(fromHost(marks, { shape: [count], dtype: "float32" }));
  };
}

/** Options of `expertCounts`. */
export interface ExpertCountOptions {
  /** The block whose experts are counted. */
  block: number;
}

/**
 * How many tokens use each expert of a block; padding does not count.
 *
 * @param pass - a pass of a language network, best with `blocks.{i}.moe.experts` captured: what is not is computed again
 * @returns one count an expert
 * @throws PatchClampError `UNKNOWN_SITE` when the block has no experts
 */
export async function expertCounts(pass: Pass, options: ExpertCountOptions): Promise<number[]> {
  const { block } = options;
  const experts = pass.at(`blocks.${block}.moe.experts`);
  const [count, k] = [
    pass.at(`blocks.${block}.moe.router_logits`).shape.at(-1)!,
    experts.shape.at(-1)!,
  ];
  const isReal = await pass.inputs["isReal"]?.data();
  const counts = Array.from({ length: count }, () => 0);
  for (const [i, expert] of ((await experts.data()) as Int32Array).entries()) {
    if (isReal === undefined || isReal[Math.floor(i / k)] === 1) counts[expert]!++;
  }
  return counts;
}
