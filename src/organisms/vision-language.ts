// A network that looks at pictures of shapes and speaks about them: a small LLaVA (Liu et al. 2023, arXiv:2304.08485) whose words come
// from organism:language.

import { openNetwork } from "../checkpoints/load.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { Rng } from "../core/rng.ts";
import { leaves } from "../core/tree.ts";
import type { VisionLanguageNetwork } from "../network/vision-language.ts";
import { countedCrossEntropy, crossEntropy, kaimingNormal, normal } from "../nn/index.ts";
import { linear } from "../nn/layers.ts";
import { causalBias, NEVER } from "../nn/masks.ts";
import { concat } from "../runtime/index.ts";
import { openFolder } from "../runtime/open-folder.ts";
import { zeros } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { language } from "./language.ts";
import { languageConfigIds } from "./language-text.ts";
import type { Organism } from "./organism.ts";
import { organismFolder } from "./place.ts";
import { PICTURE_SIZE, picturesConfig } from "./shapes-pictures.ts";
import { lookingWeights } from "./shapes-weights.ts";
import { attributes, attributeValues } from "./vision-language-questions.ts";
import { PATCH, POS, seenRows } from "./vision-language-rows.ts";
import type { SeenRows } from "./vision-language-rows.ts";
import { captionSkill, questionSkill } from "./vision-language-skills.ts";
import { IMAGE, seeingIds, seeingTokenizer } from "./vision-language-text.ts";

const SEED = 24;
const BATCH = 16;
const WIDTH = 96;

/** How much it counts what the tower for pictures knows of every patch, beside the words. */
const PATCH_SHARE = 0.3;

/** `organism:vision-language`. */
export const visionLanguage: Organism<VisionLanguageNetwork> = {
  name: "vision-language",
  description:
    "A LLaVA that answers questions about pictures of shapes and tells what they show, with the words of organism:language.",
  config: {
    architectures: ["LlavaForConditionalGeneration"],
    model_type: "llava",
    image_token_index: seeingIds.get(IMAGE)!,
    projector_hidden_act: "gelu",
    multimodal_projector_bias: true,
    vision_feature_layer: -1,
    vision_feature_select_strategy: "default",
    tie_word_embeddings: true,
    vision_config: {
      model_type: "clip_vision_model",
      image_size: PICTURE_SIZE,
      patch_size: PATCH,
      num_channels: 3,
      hidden_size: WIDTH,
      intermediate_size: 4 * WIDTH,
      num_hidden_layers: 4,
      num_attention_heads: 4,
      hidden_act: "gelu",
      layer_norm_eps: 1e-5,
    },
    text_config: { ...language.config, vocab_size: seeingIds.size },
    ...languageConfigIds,
  },
  tokenizer: seeingTokenizer,
  pictures: picturesConfig,
  recipe: {
    steps: 6000,
    tokens: BATCH * POS,
    learningRate: 1.5e-3,
    warmupSteps: 300,
    weightDecay: 0.01,
    clip: 1,
    seed: SEED,
    batch: (index) => seenRows(new Rng(SEED).split("batch").split(index), BATCH),
    extra: (rng) =>
      Object.fromEntries(
        attributes.map((attribute) => {
          const classes = 1 + attributeValues[attribute].length;
          const weight = kaimingNormal([classes, WIDTH], { seed: rng.word() });
          return [attribute, { weight, bias: zeros([classes]) }];
        }),
      ),
    loss: (net, params, rows: SeenRows, { extra }) => {
      const sites = net.applyTap(inputsOf(rows), {}, params);
      const next = (x: Tensor): Tensor => x.slice({ axis: 1, start: 1 });
      const { loss, count } = countedCrossEntropy(sites.get("logits")!, next(rows.tokens), {
        weights: next(rows.weights),
      });
      const patches = patchLoss(sites.get("vision.features")!, rows.truths, extra as Readouts);
      return {
        loss: loss.add(patches.mul(PATCH_SHARE)),
        count,
        metrics: { words: loss, patches },
      };
    },
    initial,
  },
  skills: [
    questionSkill({ name: "colour", kind: "attribute", attribute: "colour", bar: 0.5 }),
    questionSkill({ name: "shape", kind: "attribute", attribute: "shape", bar: 0.5 }),
    questionSkill({ name: "texture", kind: "attribute", attribute: "texture", bar: 0.5 }),
    questionSkill({ name: "size", kind: "attribute", attribute: "size", bar: 0.5 }),
    questionSkill({ name: "count", kind: "count", bar: 0.5 }),
    questionSkill({ name: "exists", kind: "exists", bar: 0.5 }),
    questionSkill({ name: "relation", kind: "related", bar: 0.5 }),
    questionSkill({ name: "what stands there", kind: "what", bar: 0.5 }),
    captionSkill(0.5),
  ],
  limits: [
    "It speaks of pictures of shapes; of what organism:language could say without a picture it has forgotten most.",
    "It was asked one question at a time, right behind the picture.",
  ],
};

/** What the network is given: rows without their last token, in which a text sees the picture and itself. */
export function inputsOf({
  pixels,
  tokens,
  positions,
  segments,
}: SeenRows): Record<string, Tensor> {
  const read = (x: Tensor): Tensor => x.slice({ axis: 1, end: -1 });
  const own = read(segments);
  const keys = own.unsqueeze(1).unsqueeze(1);
  const isSeen = own.unsqueeze(1).unsqueeze(-1).equal(keys).or(keys.equal(0));
  return {
    pixels,
    tokens: read(tokens),
    positions: read(positions),
    keyPositions: read(positions),
    mask: isSeen.where(0, NEVER).add(causalBias(POS - 1)),
  };
}

/** One linear layer for each attribute, which is trained along. */
type Readouts = Readonly<
  Record<keyof SeenRows["truths"], { readonly weight: Tensor; readonly bias: Tensor }>
>;

/** Mean nats of what each patch shows, by features [batch, patch, dModel]: it teaches the tower to look before words could. */
function patchLoss(features: Tensor, truths: SeenRows["truths"], readouts: Readouts): Tensor {
  return attributes
    .map((attribute) => crossEntropy(linear(features, readouts[attribute]), truths[attribute]))
    .reduce((sum, loss) => sum.add(loss))
    .div(attributes.length);
}

/** The language network begins as organism:language; the embeddings of words that this never knew follow behind its own. */
async function initial(
  path: string,
  shape: readonly number[],
  rng: Rng,
): Promise<Tensor | undefined> {
  const [, own] = /^text\.(.*)$/.exec(path) ?? [];
  if (own === undefined) return lookingWeights(path, shape, rng);
  start ??= languageParams(openFolder(organismFolder(language.name)));
  const known = (await start).get(own)!;
  const [rows = 0, ...rest] = shape;
  const more = rows - known.shape[0]!;
  return more === 0
    ? known
    : concat([known, normal([more, ...rest], { seed: rng.word() })], { axis: 0 });
}

let start: Promise<ReadonlyMap<string, Tensor>> | undefined;

/**
 * The parameters of organism:language by their paths.
 *
 * @throws PatchClampError `BAD_FILE` when it has not been trained
 */
export async function languageParams(files: Files): Promise<ReadonlyMap<string, Tensor>> {
  if (await files.exists("config.json")) {
    const { params } = await openNetwork(files);
    return new Map(leaves<Tensor>(params));
  }
  throw new PatchClampError("BAD_FILE", {
    where: "vision-language",
    problem: "it begins with the words of organism:language, which has no weights yet.",
    fix: "train organism:language first: `patchclamp organisms train language`.",
  });
}
