// What makes a family of networks: how its config is read, where its parameters lie in a checkpoint, and its function.

import type { DecoderConfig, DecoderInputs } from "../network/prompt.ts";
import type { Tap } from "../network/tap.ts";
import type { ActivationFunction } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Activation } from "./common-config.ts";

/** Where one parameter lies in a checkpoint. */
export interface ParamEntry {
  /** Place in the parameter tree, such as `blocks.0.attn.q.weight`. */
  readonly path: string;
  /** Name of the tensor in the file. */
  readonly name: string;
  /** Shape in the tree. */
  readonly shape: readonly number[];
  /** True when the file holds the transpose, [in, out]. Default false. */
  readonly isTransposed?: boolean;
  /** When the file's tensor holds several parameters beside each other along the tree's first axis: where this one begins, and the sum of all. */
  readonly part?: { readonly start: number; readonly total: number };
}

/** A family of networks. One file each. */
export interface ArchitectureFamily<Config extends DecoderConfig = DecoderConfig> {
  /** What config.json calls it, in `architectures`. */
  readonly architecture: string;
  /**
   * Reads config.json.
   *
   * @throws PatchClampError `UNSUPPORTED` for keys and values that change the numbers in a way that is not computed
   */
  readonly config: (json: unknown, where?: string) => Config;
  /** Every parameter and where it lies. */
  readonly layout: (config: Config) => readonly ParamEntry[];
  /** A start of names that some checkpoints leave out, such as `transformer.`. */
  readonly optionalPrefix?: string;
  /** The network: [batch, pos] tokens to logits, [batch, pos, dVocab]. */
  readonly forward: (params: never, inputs: DecoderInputs, tap: Tap, config: Config) => Tensor;
  /** Why a standard site does not exist, by its name without the block. */
  readonly absent: Readonly<Record<string, string>>;
}

/** Entries of a linear layer whose weights are [out, in]. */
export function linearEntries(
  path: string,
  name: string,
  [from, to]: readonly [number, number],
  hasBias = false,
): ParamEntry[] {
  const weight = { path: `${path}.weight`, name: `${name}.weight`, shape: [to, from] };
  return hasBias ? [weight, { path: `${path}.bias`, name: `${name}.bias`, shape: [to] }] : [weight];
}

/** Entries of a norm's gain and, for layer norm, bias. */
export function normEntries(
  path: string,
  name: string,
  size: number,
  hasBias = false,
): ParamEntry[] {
  const weight = { path: `${path}.weight`, name: `${name}.weight`, shape: [size] };
  return hasBias
    ? [weight, { path: `${path}.bias`, name: `${name}.bias`, shape: [size] }]
    : [weight];
}

const FUNCTIONS: Readonly<Record<Activation, ActivationFunction>> = {
  gelu: (x) => x.gelu(),
  gelu_new: (x) => x.gelu({ approximate: "tanh" }),
  relu: (x) => x.relu(),
  silu: (x) => x.silu(),
};

/** The function behind an activation's name. */
export function activationFunction(name: Activation): ActivationFunction {
  return FUNCTIONS[name];
}

/** The part of a cache that one layer sees. */
export function layerCache(
  { cache }: DecoderInputs,
  layer: number,
):
  | { past: { k: Tensor; v: Tensor } | undefined; store: (k: Tensor, v: Tensor) => void }
  | undefined {
  if (cache === undefined) return undefined;
  return { past: cache.past(layer), store: (k, v) => cache.store(layer, k, v) };
}
