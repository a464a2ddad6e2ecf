// A masked autoencoder (He et al. 2022, arXiv:2111.06377): nobody tells it what pictures show. The encoder sees some patches of a
// picture, and a small decoder paints the others from what it made of them. Only the encoder is kept, as a ViT.

import type { VitConfig } from "../architectures/vit-config.ts";
import type { VitParams } from "../architectures/vit.ts";
import { tower, withFirst } from "../architectures/tower.ts";
import type { TowerConfig } from "../architectures/tower.ts";
import { Rng } from "../core/rng.ts";
import { recordingTap } from "../network/tap.ts";
import type { VisionNetwork } from "../network/vision.ts";
import { kaimingNormal, mse, normal } from "../nn/index.ts";
import { layerNorm, linear } from "../nn/layers.ts";
import { concat } from "../runtime/index.ts";
import { ones, tensor, zeros } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { shapesBatch } from "../worlds/index.ts";
import type { Organism } from "./organism.ts";
import { drawKnobs } from "./shapes-classes.ts";
import { featureSkills } from "./shapes-features.ts";
import { ACROSS, PATCH, PATCHES } from "./shapes-patches.ts";
import { PICTURE_SIZE, picturesConfig } from "./shapes-pictures.ts";
import { gridPlaces, lookingWeights } from "./shapes-weights.ts";

const SEED = 23;
const BATCH = 64;

/** Numbers in a patch. */
const VALUES = 3 * PATCH ** 2;

/** How many patches of a picture the encoder sees. */
const SEEN = 24;

/** Pictures in patches, some of which are hidden. */
export type MaskedPictures = {
  /** What the encoder sees, [batch, seen, VALUES], in -1..1. */
  readonly seen: Tensor;
  /** Where it lies, int32, [batch, seen]. */
  readonly seenAt: Tensor;
  /** What is to be painted, [batch, hidden, VALUES], in -1..1. */
  readonly hidden: Tensor;
  /** Where it lies, int32, [batch, hidden]. */
  readonly hiddenAt: Tensor;
};

const WIDTH = 96;

const decoderConfig: TowerConfig = {
  nLayers: 1,
  nHeads: 4,
  dModel: 64,
  dHead: 16,
  dMlp: 256,
  epsilon: 1e-6,
  activation: "gelu",
};

/** `organism:shapes-mae`. */
export const shapesMae: Organism<VisionNetwork> = {
  name: "shapes-mae",
  description:
    "A four-layer vision transformer that learned from pictures alone, by painting patches that it did not see.",
  config: {
    architectures: ["ViTModel"],
    model_type: "vit",
    image_size: PICTURE_SIZE,
    patch_size: PATCH,
    num_channels: 3,
    hidden_size: WIDTH,
    intermediate_size: 4 * WIDTH,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    hidden_act: "gelu",
    layer_norm_eps: 1e-6,
    qkv_bias: true,
  },
  pictures: picturesConfig,
  recipe: {
    steps: 4000,
    tokens: BATCH,
    learningRate: 2e-3,
    warmupSteps: 200,
    weightDecay: 0.05,
    clip: 1,
    seed: SEED,
    batch: (index, own) =>
      maskedPictures(new Rng(own).split("batch").split(index), { batch: BATCH, seen: SEEN }),
    initial: lookingWeights,
    extra: freshDecoder,
    loss: (net, params, { seen, seenAt, hidden, hiddenAt }: MaskedPictures, { extra }) => {
      const config = net.config as VitConfig;
      const known = encode(params as unknown as VitParams, { seen, seenAt }, config);
      return mse(paint(extra as unknown as Decoder, known, { seenAt, hiddenAt }), hidden);
    },
  },
  skills: featureSkills({ shape: 0.7, colour: 0.9, texture: 0.7 }),
  limits: [
    "It tells nothing by itself: what it sees must be read out of its hidden states.",
    "Nobody named a shape, a colour or a texture to it.",
  ],
};

/**
 * What a ViT makes of some patches of a picture, as if the others were not there.
 *
 * @returns its last hidden states, [batch, 1 + seen, dModel], the class token's first
 */
export function encode(
  params: VitParams,
  { seen, seenAt }: Pick<MaskedPictures, "seen" | "seenAt">,
  config: VitConfig,
): Tensor {
  const { tap } = recordingTap();
  const { cls, patch, posEmbed, blocks, lnFinal } = params;
  const kernel = patch.weight.reshape([config.dModel, -1]);
  const places = posEmbed.squeeze(0).gather(seenAt.add(1), { axis: 0 });
  const embedded = seen.linear(kernel, patch.bias).add(places);
  const first = cls.add(posEmbed.slice({ axis: 1, end: 1 }));
  const states = tower(withFirst(first, embedded), blocks, { config }, tap);
  return layerNorm(config.epsilon)(states, lnFinal);
}

/**
 * Paints hidden patches. Their order is of no account to a transformer, so they simply stand behind the others.
 *
 * @param known - what the encoder made of the patches that it saw
 * @returns [batch, hidden, VALUES]
 */
function paint(
  decoder: Decoder,
  known: Tensor,
  { seenAt, hiddenAt }: Pick<MaskedPictures, "seenAt" | "hiddenAt">,
): Tensor {
  const { tap } = recordingTap();
  const place = (at: Tensor): Tensor => decoder.posEmbed.gather(at, { axis: 0 });
  const read = linear(known, decoder.in);
  const start = concat(
    [
      read.slice({ axis: 1, end: 1 }),
      read.slice({ axis: 1, start: 1 }).add(place(seenAt)),
      place(hiddenAt).add(decoder.mask),
    ],
    { axis: 1 },
  );
  const states = tower(start, decoder.blocks, { config: decoderConfig }, tap);
  const painted = states.slice({ axis: 1, start: 1 + seenAt.shape[1]! });
  return linear(layerNorm(decoderConfig.epsilon)(painted, decoder.ln), decoder.out);
}

/** What paints hidden patches. */
type Decoder = ReturnType<typeof freshDecoder>;

function freshDecoder(rng: Rng) {
  const { dModel, dMlp, nLayers } = decoderConfig;
  const layer = (from: number, to: number) => ({
    weight: kaimingNormal([to, from], { seed: rng.word() }),
    bias: zeros([to]),
  });
  const norm = () => ({ weight: ones([dModel]), bias: zeros([dModel]) });
  const square = () => layer(dModel, dModel);
  return {
    in: layer(WIDTH, dModel),
    // stands where nothing was seen
    mask: normal([1, 1, dModel], { seed: rng.word() }),
    posEmbed: gridPlaces([PATCHES, dModel]),
    blocks: Array.from({ length: nLayers }, () => ({
      ln1: norm(),
      attn: { q: square(), k: square(), v: square(), o: square() },
      ln2: norm(),
      mlp: { in: layer(dModel, dMlp), out: layer(dMlp, dModel) },
    })),
    ln: norm(),
    out: layer(dModel, VALUES),
  };
}

/** Draws pictures of one object each; chance says which patches are seen, as many in all of them. */
export function maskedPictures(
  rng: Rng,
  { batch, seen: count }: { readonly batch: number; readonly seen: number },
): MaskedPictures {
  const counts = [count, PATCHES - count];
  const values = counts.map((own) => new Float32Array(batch * own * VALUES));
  const places = counts.map((own) => new Int32Array(batch * own));
  for (let row = 0; row < batch; row++) {
    const { pixels } = shapesBatch(rng, { ...drawKnobs(rng, 0.5), occlusion: 0, batch: 1 });
    for (const [i, patch] of rng.permutation(PATCHES).entries()) {
      const part = i < count ? 0 : 1;
      const at = row * counts[part]! + i - part * count;
      places[part]![at] = patch;
      copyPatch(pixels, patch, values[part]!.subarray(at * VALUES, (at + 1) * VALUES));
    }
  }
  const [seen, hidden] = values.map((own, part) =>
    tensor(own, { shape: [batch, counts[part]!, VALUES] }),
  );
  const [seenAt, hiddenAt] = places.map((own, part) =>
    tensor(own, { shape: [batch, counts[part]!] }),
  );
  return { seen: seen!, seenAt: seenAt!, hidden: hidden!, hiddenAt: hiddenAt! };
}

/**
 * Copies a patch, channel by channel and row by row, as the kernel of a ViT lies.
 *
 * @param pixels - [channel, height, width] in 0..1
 * @param to - VALUES numbers, in -1..1
 */
function copyPatch(pixels: Float32Array, patch: number, to: Float32Array): void {
  const top = PATCH * Math.floor(patch / ACROSS);
  const left = PATCH * (patch % ACROSS);
  for (let i = 0; i < VALUES; i++) {
    const channel = Math.floor(i / PATCH ** 2);
    const row = top + (Math.floor(i / PATCH) % PATCH);
    const column = left + (i % PATCH);
    to[i] = 2 * pixels[(channel * PICTURE_SIZE + row) * PICTURE_SIZE + column]! - 1;
  }
}
