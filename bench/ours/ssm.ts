// Our side of the suite `ssm`: networks of state spaces with made-up weights.

import path from "node:path";

import { configure, loadNetwork } from "patchclamp";

import { root, THREADS } from "../machine.ts";
import { hashedNumbers, prompt } from "../weights.ts";
import { sizeOf, writeCheckpoint } from "./checkpoint-files.ts";

/** The shape of the published Mamba of 130 million weights. */
export const MAMBA_130M = {
  architectures: ["MambaForCausalLM"],
  model_type: "mamba",
  vocab_size: 50280,
  hidden_size: 768,
  state_size: 16,
  num_hidden_layers: 24,
  expand: 2,
  conv_kernel: 4,
  time_step_rank: 48,
};

type Config = typeof MAMBA_130M;

/** The folder of a checkpoint with made-up weights, which is written the first time. */
export function mambaFolder(name: string, config: Config): string {
  const tensors = tensorsOf(config).map(([tensor, shape]) => ({
    name: tensor,
    shape,
    storage: "F32" as const,
    bytes: () => new Uint8Array(weights(tensor, shape).buffer),
  }));
  return writeCheckpoint(path.join(root, ".cache", `bench-${name}`), config, tensors);
}

function tensorsOf(config: Config): (readonly [name: string, shape: readonly number[]])[] {
  const { hidden_size: d, state_size: n, time_step_rank: rank, conv_kernel: width } = config;
  const inner = config.expand * d;
  const layer = (i: number): (readonly [string, readonly number[]])[] => {
    const at = `backbone.layers.${i}`;
    return [
      [`${at}.norm.weight`, [d]],
      [`${at}.mixer.in_proj.weight`, [2 * inner, d]],
      [`${at}.mixer.conv1d.weight`, [inner, 1, width]],
      [`${at}.mixer.conv1d.bias`, [inner]],
      [`${at}.mixer.x_proj.weight`, [rank + 2 * n, inner]],
      [`${at}.mixer.dt_proj.weight`, [inner, rank]],
      [`${at}.mixer.dt_proj.bias`, [inner]],
      [`${at}.mixer.A_log`, [inner, n]],
      [`${at}.mixer.D`, [inner]],
      [`${at}.mixer.out_proj.weight`, [d, inner]],
    ];
  };
  return [
    ["backbone.embeddings.weight", [config.vocab_size, d]],
    ...Array.from({ length: config.num_hidden_layers }, (_, i) => layer(i)).flat(),
    ["backbone.norm_f.weight", [d]],
  ];
}

/** Values that keep activations and states of order 1: rates of 1 to 16, small steps, gains of 1. */
function weights(name: string, shape: readonly number[]): Float32Array {
  const [low, high] = rangeOf(name, shape);
  return hashedNumbers(name, sizeOf(shape), low, high);
}

function rangeOf(name: string, shape: readonly number[]): readonly [low: number, high: number] {
  if (name.endsWith("A_log")) return [0, Math.log(16)];
  if (name.endsWith("dt_proj.bias")) return [-6, -2];
  if (/norm(_f)?\.weight$|\.D$/.test(name)) return [0.8, 1.2];
  const spread = Math.sqrt(3 / sizeOf(shape.slice(1)));
  return [-spread, spread];
}

/** Opens a checkpoint; the function gives eight logits of a position in the middle and of the last. */
export async function openMamba(folder: string, pos: number): Promise<() => Promise<number[]>> {
  await configure({ threads: THREADS });
  const net = await loadNetwork(folder, { check: false });
  const { dVocab } = net.config;
  const tokens = prompt("ssm", pos, dVocab);
  return async () => {
    using pass = await net.run([tokens]);
    const logits = await pass.logits.numbers();
    return [Math.floor(pos / 2), pos - 1].flatMap((at) => [
      ...logits.subarray(at * dVocab, at * dVocab + 8),
    ]);
  };
}
