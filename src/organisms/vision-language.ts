// A network that looks at pictures of shapes and speaks about them: a small LLaVA (Liu et al. 2023, arXiv:2304.08485) whose words come
// from organism:language.

import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { Rng } from "../core/rng.ts";
import { leaves } from "../core/tree.ts";
import type { VisionLanguageNetwork } from "../network/vision-language.ts";
import { countedCrossEntropy, normal } from "../nn/index.ts";
import { causalBias, NEVER } from "../nn/masks.ts";
import { concat } from "../runtime/index.ts";
import { openFolder } from "../runtime/open-folder.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ShapeAttribute } from "../worlds/index.ts";
import { language } from "./language.ts";
import { languageConfigIds } from "./language-text.ts";
import { openAny } from "./load-network.ts";
import type { Organism } from "./organism.ts";
import { organismFolder } from "./place.ts";
import { freshReadout, PATCH, patchLoss } from "./shapes-patches.ts";
import type { PatchReadout } from "./shapes-patches.ts";
import { PICTURE_SIZE, picturesConfig } from "./shapes-pictures.ts";
import { lookingWeights } from "./shapes-weights.ts";
import { attributes, attributeValues } from "./vision-language-questions.ts";
import { POS, seenRows } from "./vision-language-rows.ts";
import type { SeenRows } from "./vision-language-rows.ts";
import { captionSkill, questionSkill } from "./vision-language-skills.ts";
import { IMAGE, seeingIds, seeingTokenizer } from "./vision-language-text.ts";

const SEED = 24;
const BATCH = 16;
const WIDTH = 96;

/** What reads patches out, which teaches the tower to look before words can. */
type Readouts = Readonly<Record<ShapeAttribute, PatchReadout>>;

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
    batch: (index, own) => seenRows(new Rng(own).split("batch").split(index), BATCH),
    extra: (rng) =>
      Object.fromEntries(
        attributes.map((name) => [name, freshReadout(rng, WIDTH, attributeValues[name].length)]),
      ),
    loss: (net, params, rows: SeenRows, { extra }) => {
      const sites = net.applyTap(inputsOf(rows), {}, params);
      const next = (x: Tensor): Tensor => x.slice({ axis: 1, start: 1 });
      const { loss, count } = countedCrossEntropy(sites.get("logits")!, next(rows.tokens), {
        weights: next(rows.weights),
      });
      const features = sites.get("vision.features")!;
      const patches = attributes
        .map((name) => patchLoss(features, rows.truths[name], (extra as Readouts)[name]))
        .reduce((sum, one) => sum.add(one))
        .div(attributes.length);
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

/**
 * Both halves begin as organisms: the tower for pictures as shapes-vit, and the language network as language, behind whose words' embeddings
 * those of new words follow.
 */
async function initial(
  path: string,
  shape: readonly number[],
  rng: Rng,
): Promise<Tensor | undefined> {
  const [, half, own] = /^(vision|text)\.(.*)$/.exec(path) ?? [];
  if (own === undefined) return lookingWeights(path, shape, rng);
  const name = half === "vision" ? "shapes-vit" : language.name;
  const known = await knownParams(name);
  if (half === "vision") return towerPart(known, own, shape);
  const found = known.get(own)!;
  const [rows = 0, ...rest] = shape;
  const more = rows - found.shape[0]!;
  if (more === 0) return found;
  return concat([found, normal([more, ...rest], { seed: rng.word() })], { axis: 0 });
}

/** A parameter of CLIP's tower from those of a ViT, which has no norm before its blocks, but a bias in its patches. */
function towerPart(
  vit: ReadonlyMap<string, Tensor>,
  path: string,
  shape: readonly number[],
): Tensor | undefined {
  // nobody reads what the last norm gives
  if (path.startsWith("lnFinal")) return undefined;
  const found = vit.get(path)?.reshape(shape);
  if (path !== "posEmbed") return found;
  const bias = vit.get("patch.bias")!.unsqueeze(0);
  const patches = found!.slice({ axis: 0, start: 1 }).add(bias);
  return concat([found!.slice({ axis: 0, end: 1 }), patches], { axis: 0 });
}

const opened = new Map<string, Promise<ReadonlyMap<string, Tensor>>>();

function knownParams(name: string): Promise<ReadonlyMap<string, Tensor>> {
  const params = opened.get(name) ?? readParams(name, openFolder(organismFolder(name)));
  opened.set(name, params);
  return params;
}

/**
 * The parameters of an organism by their paths.
 *
 * @throws PatchClampError `BAD_FILE` when it has not been trained
 */
export async function readParams(name: string, files: Files): Promise<ReadonlyMap<string, Tensor>> {
  if (await files.exists("config.json")) {
    const { network } = await openAny(files);
    return new Map(leaves<Tensor>(network.params));
  }
  throw new PatchClampError("BAD_FILE", {
    where: "vision-language",
    problem: `it begins with the weights of organism:${name}, which has none yet.`,
    fix: `train organism:${name} first: \`patchclamp organisms train ${name}\`.`,
  });
}
