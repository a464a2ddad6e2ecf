// LLaVA 1.5 (Liu et al. 2023, arXiv:2304.08485; arXiv:2310.03744): what CLIP sees in an image, led by two layers into the places of
// image tokens in the stream of a Llama.

import type { Tap } from "../network/tap.ts";
import type { SeeingInputs } from "../network/vision-language-input.ts";
import type { MlpParams } from "../nn/layers.ts";
import { embedding, mlp } from "../nn/layers.ts";
import { concat } from "../runtime/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { clipImageTokens, clipVisionEntries } from "./clip.ts";
import type { ClipVisionParams } from "./clip.ts";
import type { ParamEntry, VisionLanguageFamily } from "./family.ts";
import { activationFunction, linearEntries, normEntries } from "./family.ts";
import { llama, llamaLayout, rotaryAbsent } from "./llama.ts";
import type { LlamaParams } from "./llama.ts";
import type { LlavaConfig } from "./llava-config.ts";
import { llavaConfig } from "./llava-config.ts";
import { towerStates } from "./tower.ts";

/** Parameters of LLaVA. */
export interface LlavaParams {
  readonly vision: ClipVisionParams;
  /** From what is read of the tower to the language network's stream. */
  readonly projector: MlpParams;
  readonly text: LlamaParams;
}

/** Reads pixels into what stands in the places of image tokens, [image, imageLength, dModel]. */
function look(params: LlavaParams, pixels: Tensor, tap: Tap, config: LlavaConfig): Tensor {
  const { vision, readAfter, readsClass, projector } = config;
  const own = tap.in("vision");
  const blocks = params.vision.blocks.slice(0, Math.max(...readAfter));
  const start = clipImageTokens(params.vision, pixels, own, vision);
  const states = towerStates(start, blocks, { config: vision }, own);
  const read = readAfter.map((layer) =>
    readsClass ? states[layer]! : states[layer]!.slice({ axis: 1, start: 1 }),
  );
  const features = own("features", read.length === 1 ? read[0]! : concat(read, { axis: -1 }));
  const activation = activationFunction(projector.activation);
  return tap("image_features", mlp(features, params.projector, activation, tap.in("projector")));
}

/** Predicts the next token, [batch, pos, dVocab]. */
function predict(params: LlavaParams, inputs: SeeingInputs, tap: Tap, config: LlavaConfig): Tensor {
  const { features, ...language } = inputs;
  // later passes read tokens that were written, and none of them is an image
  const isLater = inputs.cache?.past(0) !== undefined;
  if (features === undefined || isLater) return llama(params.text, language, tap, config.text);
  const embedded = withImages(embedding(inputs.tokens, params.text.embed), features, {
    tokens: inputs.tokens,
    imageToken: config.imageToken,
  });
  return llama(params.text, { ...language, embedded }, tap, config.text);
}

/**
 * Puts images in the places of image tokens, in the order of both.
 *
 * @param embedded - [batch, pos, dModel]
 * @param features - [image, imageLength, dModel]
 * @returns [batch, pos, dModel]
 */
function withImages(
  embedded: Tensor,
  features: Tensor,
  { tokens, imageToken }: { readonly tokens: Tensor; readonly imageToken: number },
): Tensor {
  const isImage = tokens.equal(imageToken);
  const numbers = isImage.cast("int32").reshape([-1]).cumsum({ axis: 0 }).sub(1).maximum(0);
  const rows = features.reshape([-1, features.shape[2]!]);
  const seen = rows.gather(numbers.reshape(tokens.shape), { axis: 0 });
  return isImage.unsqueeze(-1).where(seen, embedded);
}

function layout(config: LlavaConfig): ParamEntry[] {
  const { vision, text, readAfter, projector } = config;
  const { hasBias } = projector;
  const at = "vision_tower.vision_model";
  const wide = vision.dModel * readAfter.length;
  return [
    ...clipVisionEntries("vision", at, vision),
    // nobody reads what it normalises
    ...normEntries("vision.lnFinal", `${at}.post_layernorm`, vision.dModel, true).map((entry) => ({
      ...entry,
      isOptional: true,
    })),
    ...linearEntries(
      "projector.in",
      "multi_modal_projector.linear_1",
      [wide, text.dModel],
      hasBias,
    ),
    ...linearEntries(
      "projector.out",
      "multi_modal_projector.linear_2",
      [text.dModel, text.dModel],
      hasBias,
    ),
    ...llamaLayout(text).map((entry) => ({
      ...entry,
      path: `text.${entry.path}`,
      name: `language_model.${entry.name}`,
    })),
  ];
}

/** The family that config.json calls `LlavaForConditionalGeneration`. */
export const llavaFamily: VisionLanguageFamily<LlavaConfig> = {
  architectures: ["LlavaForConditionalGeneration"],
  kind: "vision-language",
  config: llavaConfig,
  layout,
  optionalPrefix: "vision_model.",
  look,
  predict,
  absent: rotaryAbsent,
};
