// Options that several commands take.

import type { SamplingOptions } from "../network/sampling.ts";
import { WEIGHT_FORMS } from "../network/quantise.ts";
import type { OptionsOf } from "./command.ts";
import { choice, flag, number, optionalNumber, text, texts } from "./options.ts";

/** How tokens are picked; the names are those of `generate`. */
export const samplingOptions = {
  temperature: number("t", "0 takes the likeliest token, 1 draws as the network expects", 0),
  topK: optionalNumber("k", "draw from the k likeliest tokens only"),
  topP: optionalNumber("p", "draw from the likeliest tokens that add up to p"),
  minP: optionalNumber("p", "draw from tokens at least p times as likely as the likeliest"),
  typicalP: optionalNumber("p", "draw from the most typical tokens that add up to p"),
  repetitionPenalty: optionalNumber("x", "divide the scores of tokens that are there already"),
  frequencyPenalty: optionalNumber("x", "taken off a token's score each time it is written"),
  presencePenalty: optionalNumber("x", "taken off the score of a token that was written"),
  seed: number("n", "seed of the draws", 0),
} as const;

/** The sampling options of `generate` among those of a command. */
export function samplingOf(options: OptionsOf<typeof samplingOptions>): SamplingOptions {
  const { temperature, topK, topP, minP, typicalP, seed } = options;
  const { repetitionPenalty, frequencyPenalty, presencePenalty } = options;
  const cuts = { temperature, topK, topP, minP, typicalP, seed };
  return { ...cuts, repetitionPenalty, frequencyPenalty, presencePenalty };
}

/** Where an answer ends. */
export const endOptions = {
  maxTokens: optionalNumber("n", "most new tokens (default: room in the context, at most 64)"),
  stop: texts("text", "end before any of these texts"),
} as const;

/** How a prompt is written. */
export const promptOptions = {
  ids: flag("the prompt is a list of token ids, such as 2,17,9"),
  chat: flag("the prompt is a message: write it as the network's chat template says"),
  system: text("text", "a system message before it; implies --chat"),
} as const;

/** What steers. */
export const steeringOptions = {
  interventions: texts("file", "steer with the interventions in these files, in turn"),
  strength: number("x", "how much of every intervention is made", 1),
} as const;

/** How a language network holds its weights. */
export const weightsOptions = {
  weights: choice(WEIGHT_FORMS, "the form of its weights (default: as stored)"),
} as const;

/** What a network is given where it is no prompt. */
export const inputOptions = {
  ids: flag("the prompt is a list of token ids, such as 2,17,9"),
  inputs: text("file", "all inputs of an ONNX model by name, in JSON or safetensors"),
} as const;
