// What transformers that look at images share: patches as tokens, and blocks in which every position sees all others.

import type { ImageSize } from "../network/resize.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionParams } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type { GatedMlpParams, LinearParams, MlpParams, NormParams } from "../nn/layers.ts";
import { gatedMlp, layerNorm, mlp } from "../nn/layers.ts";
import { concat } from "../runtime/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Activation } from "./common-config.ts";
import type { ParamEntry } from "./family.ts";
import { activationFunction, linearEntries, normEntries } from "./family.ts";
import { sequential } from "./residual.ts";

/** Sizes of a tower. */
export interface TowerConfig {
  readonly nLayers: number;
  readonly nHeads: number;
  readonly dModel: number;
  readonly dHead: number;
  readonly dMlp: number;
  /** Added to the variance in every layer norm. */
  readonly epsilon: number;
  readonly activation: Activation;
}

/** Parameters of a block. Linear weights are [out, in]. */
export interface TowerBlockParams {
  readonly ln1: NormParams;
  readonly attn: AttentionParams;
  readonly ln2: NormParams;
  readonly mlp: MlpParams | GatedMlpParams;
  /** Gains of what each module writes, [dModel], where a tower has them. */
  readonly scales?: { readonly attn: Tensor; readonly mlp: Tensor };
}

/** How the blocks of a tower work. */
interface TowerForm {
  readonly config: TowerConfig;
  /** Added to attention scores, [batch or 1, 1, pos, pos]. Default: every position sees all. */
  readonly mask?: Tensor | undefined;
}

/**
 * The stream after all blocks of a tower. Sites: `blocks.{i}.*`.
 *
 * @param x - [batch, pos, dModel]
 */
export function tower(
  x: Tensor,
  blocks: readonly TowerBlockParams[],
  form: TowerForm,
  tap: Tap,
): Tensor {
  return towerStates(x, blocks, form, tap).at(-1)!;
}

/** The stream before the blocks of a tower and after each of them. */
export function towerStates(
  x: Tensor,
  blocks: readonly TowerBlockParams[],
  form: TowerForm,
  tap: Tap,
): Tensor[] {
  const states = [x];
  for (const [i, block] of blocks.entries()) {
    states.push(towerBlock(states[i]!, block, form, tap.in(`blocks.${i}`)));
  }
  return states;
}

function towerBlock(x: Tensor, p: TowerBlockParams, { config, mask }: TowerForm, tap: Tap): Tensor {
  const { nHeads, dHead } = config;
  const norm = layerNorm(config.epsilon);
  const activation = activationFunction(config.activation);
  const written = (name: "attn" | "mlp", out: Tensor): Tensor =>
    p.scales === undefined ? out : tap(`${name}.raw_out`, out).mul(p.scales[name]);
  const hidden = (own: Tensor): Tensor =>
    "gate" in p.mlp
      ? gatedMlp(own, p.mlp, activation, tap.in("mlp"))
      : mlp(own, p.mlp, activation, tap.in("mlp"));
  const layers = {
    ln1: (own: Tensor) => norm(own, p.ln1, tap.in("ln1")),
    attn: (own: Tensor) =>
      written("attn", attention(own, p.attn, { nHeads, dHead, mask }, tap.in("attn"))),
    ln2: (own: Tensor) => norm(own, p.ln2, tap.in("ln2")),
    mlp: (own: Tensor) => written("mlp", hidden(own)),
  };
  return sequential(x, layers, tap);
}

/**
 * Cuts images into patches and embeds each; what is left over at the right and the bottom is not seen.
 *
 * @param pixels - [batch, channel, height, width]
 * @param p - the weight is [dModel, channel, patchHeight, patchWidth]
 * @returns [batch, patch, dModel], row by row
 */
export function patches(pixels: Tensor, p: LinearParams): Tensor {
  const [batch, channels, height, width] = pixels.shape as [number, number, number, number];
  const [dModel, , down, across] = p.weight.shape as [number, number, number, number];
  const grid = gridOf({ height, width }, { height: down, width: across });
  const used = cut(cut(pixels, 2, grid.height * down), 3, grid.width * across);
  return used
    .reshape([batch, channels, grid.height, down, grid.width, across])
    .transpose([0, 2, 4, 1, 3, 5])
    .reshape([batch, grid.height * grid.width, channels * down * across])
    .linear(p.weight.reshape([dModel, -1]), p.bias);
}

function cut(x: Tensor, axis: number, end: number): Tensor {
  return end === x.shape[axis] ? x : x.slice({ axis, end });
}

/** How many patches an image has in each direction. */
export function gridOf(image: ImageSize, patch: ImageSize): ImageSize {
  return {
    height: Math.floor(image.height / patch.height),
    width: Math.floor(image.width / patch.width),
  };
}

/**
 * Puts rows that are the same for every image before the positions.
 *
 * @param x - [batch, pos, dModel]
 * @param rows - [1, count, dModel]
 */
export function withFirst(rows: Tensor, x: Tensor): Tensor {
  const [, size = 0, dModel = 0] = rows.shape;
  return concat([rows.broadcastTo([x.shape[0]!, size, dModel]), x], { axis: 1 });
}

/** What the parts of a block are called in the file, below its own name. */
export type BlockNames = Readonly<
  Record<"q" | "k" | "v" | "o" | "ln1" | "ln2" | "in" | "out", string>
>;

/** Where the parameters of a block with an ordinary MLP lie. */
export function blockEntries(
  to: string,
  from: string,
  names: BlockNames,
  { dModel, dMlp, hasBias = true }: { dModel: number; dMlp: number; hasBias?: boolean },
): ParamEntry[] {
  return [
    ...attentionBlockEntries(to, from, names, { dModel, hasBias }),
    ...linearEntries(`${to}.mlp.in`, `${from}.${names.in}`, [dModel, dMlp], true),
    ...linearEntries(`${to}.mlp.out`, `${from}.${names.out}`, [dMlp, dModel], true),
  ];
}

/** Where attention and the norms of a block lie; queries, keys and values may lack biases. */
export function attentionBlockEntries(
  to: string,
  from: string,
  names: Omit<BlockNames, "in" | "out">,
  { dModel, hasBias }: { dModel: number; hasBias: boolean },
): ParamEntry[] {
  const square = [dModel, dModel] as const;
  return [
    ...normEntries(`${to}.ln1`, `${from}.${names.ln1}`, dModel, true),
    ...(["q", "k", "v"] as const).flatMap((own) =>
      linearEntries(`${to}.attn.${own}`, `${from}.${names[own]}`, square, hasBias),
    ),
    ...linearEntries(`${to}.attn.o`, `${from}.${names.o}`, square, true),
    ...normEntries(`${to}.ln2`, `${from}.${names.ln2}`, dModel, true),
  ];
}
