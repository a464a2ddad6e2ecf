// A network that looks at pictures of shapes and speaks about them: a small LLaVA (Liu et al. 2023, arXiv:2304.08485) whose words come
// from organism:language.

import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { Rng } from "../core/rng.ts";
import { leaves } from "../core/tree.ts";
import type { VisionLanguageNetwork } from "../network/vision-language.ts";
import { countedCrossEntropy, normal } from "../nn/index.ts";
import type { LossResult } from "../nn/index.ts";
import { causalBias, NEVER } from "../nn/masks.ts";
import { concat } from "../runtime/index.ts";
import { openFolder } from "../runtime/open-folder.ts";
import { tensor, zeros } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { language } from "./language.ts";
import { languageConfigIds } from "./language-text.ts";
import { openAny } from "./load-network.ts";
import type { Organism } from "./organism.ts";
import { organismFolder } from "./place.ts";
import { PATCH } from "./shapes-patches.ts";
import { PICTURE_SIZE, picturesConfig } from "./shapes-pictures.ts";
import { lookingWeights } from "./shapes-weights.ts";
import { attributes, attributeValues } from "./vision-language-questions.ts";
import { POS, seenRows } from "./vision-language-rows.ts";
import type { PatchTruths, SaidRows, SeenOptions, SeenRows } from "./vision-language-rows.ts";
import { captionSkill, questionSkill } from "./vision-language-skills.ts";
import { IMAGE, seeingIds, seeingTokenizer } from "./vision-language-text.ts";

const SEED = 24;
const BATCH = 8;
const WIDTH = 96;

/** How much it counts that patches lie where the words for them do, beside what is said. */
const PATCH_SHARE = 0.3;

/** What cosines of patches and words are multiplied by: sharp enough to be sure of one word where four are in a patch. */
const SHARPNESS = 20;

/** How many pictures a batch has, and what is said of them, until which step. */
interface Lesson {
  readonly until: number;
  readonly pictures: number;
  readonly said: SeenOptions;
}

/**
 * First pictures alone, until patches lie where their words do, then what is what in pictures of two objects, then everything.
 *
 * @source Liu et al. 2023, arXiv:2304.08485, section 4.2, for pictures before words
 */
const lessons: readonly Lesson[] = [
  { until: 2000, pictures: 16, said: { asked: [] } },
  { until: 2600, pictures: BATCH, said: { asked: ["attribute"], count: 2 } },
  { until: Infinity, pictures: BATCH, said: {} },
];

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
    // what the language network knows of looking back is to serve here
    rateScale: (path) => (path.startsWith("text.") ? 0.3 : 1),
    weightDecay: 0.01,
    clip: 1,
    seed: SEED,
    batch: (index, own) => {
      const { pictures, said } = lessons.find(({ until }) => index < until)!;
      return seenRows(new Rng(own).split("batch").split(index), pictures, said);
    },
    loss: (net, params, { pixels, patches, said }: SeenRows) => {
      const sites = net.applyTap({ pixels, ...(said ? inputsOf(said) : unsaid) }, {}, params);
      const { text } = params as { text: { embed: Tensor } };
      const named = wordsOfPatches(sites.get("image_features")!, text.embed, patches);
      const logits = sites.get("logits")!;
      // what is not read has a gradient too, of 0
      if (said === undefined) return { ...named, loss: named.loss.add(logits.sum().mul(0)) };
      const next = (x: Tensor): Tensor => x.slice({ axis: 1, start: 1 });
      const { loss, count } = countedCrossEntropy(logits, next(said.tokens), {
        weights: next(said.weights),
      });
      return {
        loss: loss.add(named.loss.mul(PATCH_SHARE)),
        count,
        metrics: { words: loss, patches: named.loss },
      };
    },
    initial,
  },
  skills: [
    questionSkill({ name: "colour", kind: "attribute", attribute: "colour", bar: 0.9 }),
    questionSkill({ name: "shape", kind: "attribute", attribute: "shape", bar: 0.9 }),
    questionSkill({ name: "texture", kind: "attribute", attribute: "texture", bar: 0.9 }),
    questionSkill({ name: "size", kind: "attribute", attribute: "size", bar: 0.9 }),
    questionSkill({ name: "count", kind: "count", bar: 0.9 }),
    questionSkill({ name: "exists", kind: "exists", bar: 0.95 }),
    questionSkill({ name: "relation", kind: "related", bar: 0.9 }),
    questionSkill({ name: "what stands there", kind: "what", bar: 0.9 }),
    captionSkill(0.8),
  ],
  limits: [
    "It speaks of pictures of shapes; of what organism:language could say without a picture it has forgotten most.",
    "It was asked one question at a time, right behind the picture.",
    "It began with weights of organism:language from an earlier recipe, so training it again gives other weights than these.",
  ],
};

/**
 * Mean nats of the words for what patches show, told by how near patches lie to the embeddings of words. So a word finds the patches
 * that it names, as it finds itself in a text; without that, answers are guesses among what a picture shows.
 *
 * @param features - [batch, patch, dModel]
 * @param embed - [dVocab, dModel]
 * @source Radford et al. 2021, arXiv:2103.00020, section 2.3, for cosines as logits; theirs are of whole images and texts
 */
function wordsOfPatches(
  features: Tensor,
  embed: Tensor,
  { values, isObject }: PatchTruths,
): LossResult {
  const unit = (x: Tensor): Tensor => x.rmsNorm(undefined, { epsilon: 1e-6 });
  const dModel = embed.shape[1]!;
  const seen = unit(features).mul(SHARPNESS / dModel);
  const losses = attributes.map((attribute) => {
    const ids = Int32Array.from(attributeValues[attribute], (word) => seeingIds.get(word)!);
    const words = unit(embed.gather(tensor(ids, { shape: [ids.length] })));
    const logits = seen.matmul(words, { transposeB: true });
    return countedCrossEntropy(logits, values[attribute], { weights: isObject });
  });
  const sum = losses.map(({ loss }) => loss).reduce((total, one) => total.add(one));
  return { loss: sum.div(losses.length), count: losses[0]!.count };
}

/** Stands for a text where pictures are only looked at. */
const unsaid: Record<string, Tensor> = {
  tokens: zeros([1, 1], "int32"),
  positions: zeros([1, 1], "int32"),
  keyPositions: zeros([1, 1], "int32"),
  mask: zeros([1, 1, 1, 1]),
};

/** What the network is given beside pixels: rows without their last token, in which a text sees the picture and itself. */
export function inputsOf({ tokens, positions, segments }: SaidRows): Record<string, Tensor> {
  const read = (x: Tensor): Tensor => x.slice({ axis: 1, end: -1 });
  const own = read(segments);
  const keys = own.unsqueeze(1).unsqueeze(1);
  const isSeen = own.unsqueeze(1).unsqueeze(-1).equal(keys).or(keys.equal(0));
  return {
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
