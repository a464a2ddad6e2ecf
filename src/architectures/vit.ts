// ViT (Dosovitskiy et al. 2020, arXiv:2010.11929): an image is a sentence of patches. DINOv2 (Oquab et al. 2023, arXiv:2304.07193) takes
// images of any size and scales what modules write; Darcet et al. 2023 (arXiv:2309.16588) give it registers.

import { firstToken } from "../network/pooling.ts";
import type { ImageSize } from "../network/resize.ts";
import type { Tap } from "../network/tap.ts";
import type { VisionInputs } from "../network/vision-input.ts";
import type { LinearParams, NormParams } from "../nn/layers.ts";
import { layerNorm, linear } from "../nn/layers.ts";
import { antialiased, asMatrix, bicubic, interpolated } from "../nn/resampling.ts";
import { concat } from "../runtime/index.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamEntry, VisionFamily } from "./family.ts";
import { activationFunction, linearEntries, normEntries } from "./family.ts";
import type { BlockNames, TowerBlockParams } from "./tower.ts";
import { attentionBlockEntries, blockEntries, gridOf, patches, tower, withFirst } from "./tower.ts";
import type { VitConfig } from "./vit-config.ts";
import { dinov2Config, dinov2RegistersConfig, vitConfig } from "./vit-config.ts";

/** Parameters of ViT and DINOv2. Linear weights are [out, in]. */
export interface VitParams {
  /** The weight is [dModel, channel, height, width] of a patch. */
  readonly patch: LinearParams;
  /** The class token, [1, 1, dModel]. */
  readonly cls: Tensor;
  /** [1, nRegisters, dModel] */
  readonly registers?: Tensor;
  /** [1, 1 + patches, dModel], of which the first is the class token's. */
  readonly posEmbed: Tensor;
  readonly blocks: readonly TowerBlockParams[];
  readonly lnFinal: NormParams;
  readonly pooler?: LinearParams;
  readonly classifier?: LinearParams;
}

/** What stands for an image, [batch, size], from its last hidden states, [batch, pos, dModel]. */
type Readout = (hidden: Tensor, params: VitParams, tap: Tap, config: VitConfig) => Tensor;

/** Reads pixels into last hidden states, [batch, pos, dModel], and names the scores of classes where there are any. */
function vit(
  readout: Readout,
): (params: VitParams, inputs: VisionInputs, tap: Tap, config: VitConfig) => Tensor {
  return (params, { pixels }, tap, config) => {
    const { cls, registers, classifier } = params;
    const [, , height, width] = pixels.shape as [number, number, number, number];
    const embedded = withFirst(cls, tap("patch_embed", patches(pixels, params.patch)));
    const placed = embedded.add(tap("pos_embed", placesFor({ height, width }, params, config)));
    const start = registers === undefined ? placed : withRegisters(registers, placed);
    const x = tower(start, params.blocks, { config }, tap);
    const norm = layerNorm(config.epsilon);
    const hidden = tap("hidden", norm(x, params.lnFinal, tap.in("ln_final")));
    const image = readout(hidden, params, tap, config);
    if (classifier !== undefined) tap("logits", linear(image, classifier));
    return hidden;
  };
}

function withRegisters(registers: Tensor, x: Tensor): Tensor {
  const cls = x.slice({ axis: 1, end: 1 });
  return concat([cls, withFirst(registers, x.slice({ axis: 1, start: 1 }))], { axis: 1 });
}

/** Position embeddings for images of a size, [1, 1 + patches, dModel]: those of the square that was trained on, stretched. */
function placesFor(
  image: ImageSize,
  { posEmbed }: VitParams,
  { image: trained, patch, antialiases, dModel }: VitConfig,
): Tensor {
  if (image.height === trained.height && image.width === trained.width) return posEmbed;
  const { height, width } = gridOf(image, patch);
  const side = gridOf(trained, patch).height;
  const matrix = (to: number): Tensor => {
    const readings = antialiases ? antialiased(bicubic, side, to) : interpolated(side, to);
    return fromHost(asMatrix(readings, side), { shape: [to, side], dtype: "float32" });
  };
  const square = posEmbed.slice({ axis: 1, start: 1 }).reshape([side, side, dModel]);
  const wide = matrix(width).matmul(square);
  const whole = matrix(height).matmul(wide.reshape([side, width * dModel]));
  return withFirst(posEmbed.slice({ axis: 1, end: 1 }), whole.reshape([1, height * width, dModel]));
}

/** ViT: a layer of its own on the class token, or the class token as it is. */
const classToken: Readout = (hidden, { pooler }, tap, config) => {
  const cls = firstToken(hidden);
  if (pooler === undefined || config.pooler === undefined) return cls;
  return tap("pooler", activationFunction(config.pooler.activation)(linear(cls, pooler)));
};

/** DINOv2: the class token, for a classifier beside the mean of the patches. */
const classTokenAndMean: Readout = (hidden, { classifier }, tap, { nRegisters }) => {
  const cls = firstToken(hidden);
  if (classifier === undefined) return tap("pooler", cls);
  const mean = hidden.slice({ axis: 1, start: 1 + nRegisters }).mean({ axis: 1 });
  return tap("pool", concat([cls, mean], { axis: -1 }));
};

const attentionNames = {
  q: "attention.attention.query",
  k: "attention.attention.key",
  v: "attention.attention.value",
  o: "attention.output.dense",
};

const vitNames: BlockNames = {
  ...attentionNames,
  ln1: "layernorm_before",
  ln2: "layernorm_after",
  in: "intermediate.dense",
  out: "output.dense",
};

const dinov2Names: BlockNames = {
  ...attentionNames,
  ln1: "norm1",
  ln2: "norm2",
  in: "mlp.fc1",
  out: "mlp.fc2",
};

/** Where everything but the blocks lies. */
function layout(
  at: string,
  config: VitConfig,
  block: (to: string, from: string) => ParamEntry[],
): ParamEntry[] {
  const { dModel, channels, patch, nLayers, nRegisters, labels } = config;
  const grid = gridOf(config.image, patch);
  const embeddings = `${at}.embeddings`;
  const projection = `${embeddings}.patch_embeddings.projection`;
  return [
    {
      path: "patch.weight",
      name: `${projection}.weight`,
      shape: [dModel, channels, patch.height, patch.width],
    },
    { path: "patch.bias", name: `${projection}.bias`, shape: [dModel] },
    { path: "cls", name: `${embeddings}.cls_token`, shape: [1, 1, dModel] },
    {
      path: "posEmbed",
      name: `${embeddings}.position_embeddings`,
      shape: [1, 1 + grid.height * grid.width, dModel],
    },
    ...(nRegisters === 0
      ? []
      : [
          {
            path: "registers",
            name: `${embeddings}.register_tokens`,
            shape: [1, nRegisters, dModel],
          },
        ]),
    ...Array.from({ length: nLayers }, (_, i) =>
      block(`blocks.${i}`, `${at}.encoder.layer.${i}`),
    ).flat(),
    ...normEntries("lnFinal", `${at}.layernorm`, dModel, true),
    ...(labels.length === 0
      ? []
      : linearEntries("classifier", "classifier", [readSize(config), labels.length], true)),
  ];
}

/** Numbers that a classifier reads. */
function readSize({ pooler, dModel }: VitConfig): number {
  return pooler === undefined ? 2 * dModel : dModel;
}

function vitLayout(config: VitConfig): ParamEntry[] {
  const { dModel, pooler, labels } = config;
  return [
    ...layout("vit", config, (to, from) => blockEntries(to, from, vitNames, config)),
    // networks trained without labels often have none
    ...(pooler === undefined || labels.length > 0
      ? []
      : linearEntries("pooler", "vit.pooler.dense", [dModel, pooler.size], true).map((entry) => ({
          ...entry,
          isOptional: true,
        }))),
  ];
}

function dinov2Layout(at: string): (config: VitConfig) => ParamEntry[] {
  return (config) => {
    const { dModel, dMlp } = config;
    const gatedEntries = (to: string, from: string): ParamEntry[] => [
      ...attentionBlockEntries(to, from, dinov2Names, config),
      ...["gate", "in"].flatMap((own, index) =>
        linearEntries(`${to}.mlp.${own}`, `${from}.mlp.weights_in`, [dModel, dMlp], true).map(
          (entry) => ({ ...entry, part: { start: index * dMlp, total: 2 * dMlp } }),
        ),
      ),
      ...linearEntries(`${to}.mlp.out`, `${from}.mlp.weights_out`, [dMlp, dModel], true),
    ];
    return layout(at, config, (to, from) => [
      ...(config.isGated ? gatedEntries(to, from) : blockEntries(to, from, dinov2Names, config)),
      { path: `${to}.scales.attn`, name: `${from}.layer_scale1.lambda1`, shape: [dModel] },
      { path: `${to}.scales.mlp`, name: `${from}.layer_scale2.lambda1`, shape: [dModel] },
    ]);
  };
}

const absent = {
  embed: "it looks at patches: see patch_embed",
  "attn.rot_q": "its positions are learned, and nothing is rotated",
  "attn.rot_k": "its positions are learned, and nothing is rotated",
  logits: "its architecture has no head",
};

const dinov2Absent = {
  ...absent,
  "mlp.gate": "its MLP has no gates",
  pooler: "its classifier reads more than the class token: see pool",
};

/** The family that config.json calls `ViTModel`, or `ViTForImageClassification`. */
export const vitFamily: VisionFamily<VitConfig> = {
  architectures: ["ViTModel", "ViTForImageClassification"],
  kind: "vision",
  config: vitConfig,
  layout: vitLayout,
  optionalPrefix: "vit.",
  // what only training needs, and a pooler below a classifier that does not read it
  unused: /^vit\.(?:embeddings\.mask_token|pooler\.dense\.\w+)$/,
  forward: vit(classToken),
  absent: {
    ...absent,
    "attn.raw_out": "it does not scale what attention writes: see attn_out",
    "mlp.raw_out": "it does not scale what the MLP writes: see mlp_out",
    "mlp.gate": "its MLP has no gates",
    pooler: "the checkpoint has no pooler, or its classifier reads the class token itself",
  },
};

/** The family that config.json calls `Dinov2Model`, or `Dinov2ForImageClassification`. */
export const dinov2Family: VisionFamily<VitConfig> = {
  architectures: ["Dinov2Model", "Dinov2ForImageClassification"],
  kind: "vision",
  config: dinov2Config,
  layout: dinov2Layout("dinov2"),
  optionalPrefix: "dinov2.",
  unused: /^dinov2\.embeddings\.mask_token$/,
  forward: vit(classTokenAndMean),
  absent: dinov2Absent,
};

/** The family that config.json calls `Dinov2WithRegistersModel`, or `Dinov2WithRegistersForImageClassification`. */
export const dinov2RegistersFamily: VisionFamily<VitConfig> = {
  architectures: ["Dinov2WithRegistersModel", "Dinov2WithRegistersForImageClassification"],
  kind: "vision",
  config: dinov2RegistersConfig,
  layout: dinov2Layout("dinov2_with_registers"),
  optionalPrefix: "dinov2_with_registers.",
  unused: /^dinov2_with_registers\.embeddings\.mask_token$/,
  forward: vit(classTokenAndMean),
  absent: dinov2Absent,
};
