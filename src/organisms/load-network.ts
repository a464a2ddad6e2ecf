// Opens networks by where they are.

import { familyOf } from "../architectures/index.ts";
import type { LoadOptions } from "../checkpoints/load.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { openAudio } from "../checkpoints/open-audio.ts";
import { openEncoder } from "../checkpoints/open-encoder.ts";
import type { OpenOnnxOptions } from "../checkpoints/open-onnx.ts";
import { openOnnx } from "../checkpoints/open-onnx.ts";
import { openSeq2Seq } from "../checkpoints/open-seq2seq.ts";
import { openVision } from "../checkpoints/open-vision.ts";
import { openVisionLanguage } from "../checkpoints/open-vision-language.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import type { AudioNetwork } from "../network/audio.ts";
import type { EncoderNetwork } from "../network/encoder.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { OnnxNetwork } from "../network/onnx/onnx-network.ts";
import type { Seq2SeqNetwork } from "../network/seq2seq.ts";
import type { VisionLanguageNetwork } from "../network/vision-language.ts";
import type { VisionNetwork } from "../network/vision.ts";
import type { PlaceOptions } from "./place.ts";
import { findPlace, openPlace } from "./place.ts";

/** Options of `loadNetwork` and its like. */
export type LoadNetworkOptions = LoadOptions & PlaceOptions;

/**
 * Opens a network that predicts the next token.
 *
 * @param place - `organism:NAME` for a network that comes with PatchClamp; `hf:org/name` or `hf:org/name@revision` for a repository of a
 * model hub, with `:FILE.gguf` behind it for a file of it; a GGUF file; or a folder in Hugging Face layout (in a browser its URL)
 * @throws PatchClampError what `openPlace` and `openNetwork` throw
 */
export async function loadNetwork(
  place: string,
  options: LoadNetworkOptions = {},
): Promise<LanguageNetwork> {
  const source = await openPlace(place, options);
  return openNetwork(source, ownOptions(place, options));
}

/**
 * Opens a text encoder, such as BERT or a checkpoint of sentence-transformers.
 *
 * @param place - as for `loadNetwork`, without GGUF
 * @throws PatchClampError what `findPlace` and `openEncoder` throw
 */
export async function loadEncoder(
  place: string,
  options: LoadNetworkOptions = {},
): Promise<EncoderNetwork> {
  return openEncoder(await filesAt("loadEncoder", place, options), ownOptions(place, options));
}

/**
 * Opens an encoder-decoder, such as T5 or BART.
 *
 * @param place - as for `loadNetwork`, without GGUF
 * @throws PatchClampError what `findPlace` and `openSeq2Seq` throw
 */
export async function loadSeq2Seq(
  place: string,
  options: LoadNetworkOptions = {},
): Promise<Seq2SeqNetwork> {
  return openSeq2Seq(await filesAt("loadSeq2Seq", place, options), ownOptions(place, options));
}

/**
 * Opens a network that looks at images, such as ViT, CLIP or ResNet.
 *
 * @param place - as for `loadNetwork`, without GGUF
 * @throws PatchClampError what `findPlace` and `openVision` throw
 */
export async function loadVision(
  place: string,
  options: LoadNetworkOptions = {},
): Promise<VisionNetwork> {
  return openVision(await filesAt("loadVision", place, options), ownOptions(place, options));
}

/**
 * Opens a network that listens, such as wav2vec2.
 *
 * @param place - as for `loadNetwork`, without GGUF
 * @throws PatchClampError what `findPlace` and `openAudio` throw
 */
export async function loadAudio(
  place: string,
  options: LoadNetworkOptions = {},
): Promise<AudioNetwork> {
  return openAudio(await filesAt("loadAudio", place, options), ownOptions(place, options));
}

/**
 * Opens a network that looks at images and writes, such as LLaVA.
 *
 * @param place - as for `loadNetwork`, without GGUF
 * @throws PatchClampError what `findPlace` and `openVisionLanguage` throw
 */
export async function loadVisionLanguage(
  place: string,
  options: LoadNetworkOptions = {},
): Promise<VisionLanguageNetwork> {
  const files = await filesAt("loadVisionLanguage", place, options);
  return openVisionLanguage(files, ownOptions(place, options));
}

/** Options of `loadOnnx`. */
export type LoadOnnxOptions = OpenOnnxOptions & PlaceOptions;

/**
 * Opens an ONNX model: every value in it is a site.
 *
 * @param place - the path of an ONNX file (in a browser its URL), or `hf:org/name:FILE.onnx` for a file of a repository
 * @throws PatchClampError `BAD_INPUT` when the place names no ONNX file, and what `findPlace` and `openOnnx` throw
 */
export async function loadOnnx(place: string, options: LoadOnnxOptions = {}): Promise<OnnxNetwork> {
  const { hub, ...rest } = options;
  const { files, file } = await findPlace(place, hub === undefined ? {} : { hub });
  if (file?.endsWith(".onnx") === true) return openOnnx(files, file, { name: place, ...rest });
  throw new PatchClampError("BAD_INPUT", {
    where: "loadOnnx",
    problem: `${place} names no ONNX file.`,
    fix: "give the path of a file that ends in .onnx.",
  });
}

/** A network of any kind; `kind` says which. */
export type AnyNetwork =
  | { readonly kind: "onnx"; readonly network: OnnxNetwork }
  | { readonly kind: "decoder"; readonly network: LanguageNetwork }
  | { readonly kind: "encoder"; readonly network: EncoderNetwork }
  | { readonly kind: "seq2seq"; readonly network: Seq2SeqNetwork }
  | { readonly kind: "vision"; readonly network: VisionNetwork }
  | { readonly kind: "vision-language"; readonly network: VisionLanguageNetwork }
  | { readonly kind: "audio"; readonly network: AudioNetwork };

/**
 * Opens a network without knowing of what kind it is.
 *
 * @param place - as for `loadNetwork`
 * @throws PatchClampError what the function of its kind throws
 */
export async function loadAny(
  place: string,
  options: LoadNetworkOptions = {},
): Promise<AnyNetwork> {
  const own = ownOptions(place, options);
  const { files, file } = await findPlace(place, options);
  if (file?.endsWith(".onnx") === true)
    return { kind: "onnx", network: await openOnnx(files, file, { name: place }) };
  if (file !== undefined) return { kind: "decoder", network: await loadNetwork(place, options) };
  return openAny(files, own);
}

/**
 * Opens a folder in Hugging Face layout without knowing of what kind its network is.
 *
 * @throws PatchClampError what the function of its kind throws
 */
export async function openAny(files: Files, options: LoadOptions = {}): Promise<AnyNetwork> {
  const config = await readJson("loadAny", files, "config.json");
  const { kind } = await familyOf("loadAny", files.name, config);
  if (kind !== "decoder") refuseWeights("loadAny", files.name, options);
  switch (kind) {
    case "decoder":
      return { kind, network: await openNetwork(files, options) };
    case "encoder":
      return { kind, network: await openEncoder(files, options) };
    case "seq2seq":
      return { kind, network: await openSeq2Seq(files, options) };
    case "vision":
      return { kind, network: await openVision(files, options) };
    case "vision-language":
      return { kind, network: await openVisionLanguage(files, options) };
    case "audio":
      return { kind, network: await openAudio(files, options) };
  }
}

async function filesAt(where: string, place: string, options: LoadNetworkOptions): Promise<Files> {
  refuseWeights(where, place, options);
  const { files, file } = await findPlace(place, options);
  if (file === undefined) return files;
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: file.endsWith(".onnx")
      ? `${place} is an ONNX file, which says what is computed and not what it is for.`
      : `${place} is a GGUF file, of which only networks that predict the next token are read.`,
    fix: `open it with ${file.endsWith(".onnx") ? "loadOnnx" : "loadNetwork"}, or give a folder in Hugging Face layout.`,
  });
}

function refuseWeights(where: string, place: string, { weights }: LoadNetworkOptions): void {
  if (weights === undefined || weights === "fp32") return;
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `${place} cannot be opened with ${weights} weights: only networks that predict the next token can.`,
    fix: "leave out the form of the weights.",
  });
}

function ownOptions(place: string, options: LoadNetworkOptions): LoadOptions {
  const { hub: _, ...rest } = options;
  return { name: place, ...rest };
}
