import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import { count, share } from "./common-config.ts";
import {
  ignoredStateSpaceKeys,
  innerSize,
  stateSpaceKeys,
  stateSpaceSizes,
} from "./mamba-config.ts";
import type { StateSpaceConfig } from "./mamba-config.ts";

export interface Mamba2Config extends StateSpaceConfig {
  /** Heads of a group share B and C, and one norm. */
  readonly nGroups: number;
  /** Step sizes are kept within these bounds. */
  readonly dtLimit: readonly [least: number, most: number];
}

/** A number as Python writes it to JSON: infinity has no form of its own there. */
const float = z.union([
  z.number(),
  z
    .object({ __float__: z.enum(["Infinity", "-Infinity"]) })
    .transform((tagged) => Number(tagged["__float__"])),
]);

const handled = {
  ...stateSpaceKeys,
  vocab_size: count.default(32768),
  hidden_size: count.default(4096),
  state_size: count.default(128),
  num_hidden_layers: count.default(64),
  tie_word_embeddings: z.boolean().default(false),
  num_heads: count.default(128),
  head_dim: count.default(64),
  n_groups: count.default(8),
  time_step_limit: z.tuple([float, float]).default([0, Infinity]),
};

const ignored = [
  ...ignoredStateSpaceKeys,
  // Mamba-2 has no such rank
  "time_step_rank",
  // transformers puts the gate before the norm whatever this says
  "norm_before_gate",
];

/**
 * Reads the config.json of a Mamba-2 checkpoint.
 *
 * @throws PatchClampError `UNSUPPORTED` for a key or value that may change the numbers and is not handled, `BAD_FILE` when sizes
 * contradict each other
 */
export function mamba2Config(json: unknown, where = "mamba2Config"): Mamba2Config {
  const keys = readConfig(where, json, { handled, ignored });
  const dInner = innerSize(where, keys);
  const { num_heads: nHeads, head_dim: dHead, n_groups: nGroups } = keys;
  if (nHeads * dHead !== dInner) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `config keys "num_heads" * "head_dim" = ${nHeads * dHead} are not "expand" * "hidden_size" = ${dInner}.`,
      facts: { nHeads, dHead, dInner },
    });
  }
  share(where, ["num_heads", nHeads], ["n_groups", nGroups]);
  return {
    ...stateSpaceSizes(keys),
    nHeads,
    dHead,
    dInner,
    nGroups,
    dtLimit: keys.time_step_limit,
  };
}
