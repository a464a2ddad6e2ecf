// From a folder to a network that listens, and how samples are prepared for it.

import { z } from "zod";

import { count } from "../architectures/common-config.ts";
import { readConfig } from "../core/config.ts";
import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import type { SampleForm } from "../network/audio-input.ts";
import { AudioNetwork, plainSamples } from "../network/audio.ts";
import { checkAudioInvariants } from "../network/invariants.ts";
import { familyParts, openSource } from "./load.ts";
import type { LoadOptions } from "./load.ts";

/**
 * Opens a network that listens: a folder in Hugging Face layout, with preprocessor_config.json or without.
 *
 * @throws PatchClampError what `openSource` and `familyParts` throw, `UNSUPPORTED` for samples that are prepared in a way that is not
 * computed here, and `INVARIANT_BROKEN` when the network's own numbers contradict each other
 */
export async function openAudio(files: Files, options: LoadOptions = {}): Promise<AudioNetwork> {
  const { name = files.name, check = true } = options;
  const source = await openSource(files);
  const samples = await readSampleForm(files);
  const { family, config, params } = await familyParts("loadAudio", source, "audio");
  const { absent, meanings } = family;
  const network = new AudioNetwork({
    name,
    config,
    params,
    forward: (p, inputs, tap) => family.forward(p, inputs, tap, config),
    absent,
    ...(meanings === undefined ? {} : { meanings: meanings(config) }),
    ...(samples === undefined ? {} : { samples }),
  });
  if (check) await checkAudioInvariants(network);
  return network;
}

const handled = {
  feature_extractor_type: z.literal("Wav2Vec2FeatureExtractor").default("Wav2Vec2FeatureExtractor"),
  do_normalize: z.boolean().default(plainSamples.normalises),
  sampling_rate: count.default(plainSamples.samplingRate),
  // one channel
  feature_size: z.literal(1).default(1),
  padding_side: z.literal("right").default("right"),
  padding_value: z.literal(0).default(0),
};

const ignored = [
  "processor_class",
  // whether padding is hidden follows from what the network was trained with
  "return_attention_mask",
];

/**
 * Reads how samples are prepared: preprocessor_config.json, or the part of processor_config.json in which newer versions keep it.
 *
 * @returns what `transformers` takes by default, where a folder has neither
 */
async function readSampleForm(files: Files): Promise<SampleForm> {
  const json = await preprocessorOf(files);
  if (json === undefined) return plainSamples;
  const config = readConfig("loadAudio", json, { handled, ignored });
  return { samplingRate: config.sampling_rate, normalises: config.do_normalize };
}

async function preprocessorOf(files: Files): Promise<unknown> {
  const own = "preprocessor_config.json";
  if (await files.exists(own)) return readJson("loadAudio", files, own);
  const shared = "processor_config.json";
  if (!(await files.exists(shared))) return undefined;
  const json = await readJson("loadAudio", files, shared);
  return (json as { feature_extractor?: unknown } | null)?.feature_extractor;
}
