// Networks as folders that transformers.js and ONNX Runtime run without PatchClamp.

import { encoderOnnxModel } from "../network/export-encoder-onnx.ts";
import { onnxModel } from "../network/export-onnx.ts";
import type { ExportOnnxOptions } from "../network/export-onnx.ts";
import type { EncoderNetwork } from "../network/encoder.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { encoderParity, onnxParity } from "../network/onnx-parity.ts";
import type {
  EncoderParity,
  EncoderTexts,
  OnnxParity,
  OnnxParityOptions,
} from "../network/onnx-parity.ts";
import type { Files } from "../core/files.ts";
import { optionalJson, writeOnnxFolder } from "./onnx-folder.ts";
import type { OnnxFolder, OnnxFolderOptions } from "./onnx-folder.ts";
import type { Json } from "./tokenizer/specials.ts";

export type { OnnxDtype, OnnxFolder, OnnxFolderOptions } from "./onnx-folder.ts";

/** Options of `saveOnnx`. */
export interface SaveOnnxOptions extends ExportOnnxOptions, OnnxFolderOptions {
  /** What file and network read when they are compared. Default: texts that the network writes. */
  readonly texts?: OnnxParityOptions["texts"];
}

/** What `saveOnnx` wrote. */
export type SavedOnnx = OnnxFolder<OnnxParity>;

/**
 * Saves a network, steered if asked, as a folder for transformers.js: `pipeline("text-generation", folder)`.
 *
 * The model is `onnx/model.onnx`, or `model_fp16`, `model_quantized`, `model_q4` after the form of its weights, so that several
 * forms have room in one folder. Weights of more than 1.5 GB lie beside it.
 *
 * @throws PatchClampError `BAD_INPUT` when the folder holds another network or this model, and what `exportOnnx` and `onnxParity` throw
 */
export async function saveOnnx(
  files: Files,
  net: LanguageNetwork,
  options: SaveOnnxOptions = {},
): Promise<SavedOnnx> {
  const { interventions, strength, texts, ...folder } = options;
  const steering = { interventions, strength };
  for (const text of texts ?? []) net.tokens(text); // what cannot be read is found before anything is written
  const contents = {
    where: "saveOnnx",
    params: net.params,
    model: () => onnxModel(net, steering),
    compare: (model: Parameters<typeof onnxParity>[0]) =>
      onnxParity(model, net, { ...steering, texts }),
    tokenizer: net.hasTokenizer ? net.tokenizer : undefined,
    // its pipeline leaves out what stands before a text, unless this asks for it
    tokenizerConfig: addsTokens(net) ? { add_bos_token: true } : {},
    texts: async (source: Files) => ({ "generation_config.json": await generation(net, source) }),
  };
  return writeOnnxFolder(files, contents, folder);
}

/** Whether the tokenizer puts tokens around a text. */
function addsTokens(net: LanguageNetwork): boolean {
  if (!net.hasTokenizer) return false;
  const { encode } = net.tokenizer;
  return encode("").length > encode("", { addSpecialTokens: false }).length;
}

/** What generation has to know, as the network's folder says it or else as the tokenizer does. */
async function generation(net: LanguageNetwork, source: Files): Promise<Json> {
  const { eos, bos, pad, stops = [] } = net.hasTokenizer ? net.tokenizer : {};
  return {
    bos_token_id: bos,
    eos_token_id: stops.length > 1 ? stops : eos,
    pad_token_id: pad,
    ...(await optionalJson("saveOnnx", source, "generation_config.json")),
  };
}

/** Options of `saveEncoderOnnx`. */
export interface SaveEncoderOnnxOptions extends OnnxFolderOptions {
  /** What file and encoder read when they are compared. Default: rows of ids. */
  readonly texts?: EncoderTexts | undefined;
}

/**
 * Saves a text encoder as a folder for transformers.js: `pipeline("feature-extraction", folder)`, or what its head is for.
 *
 * @throws PatchClampError `BAD_INPUT` when the folder holds another network or this model, and what `exportEncoderOnnx` throws
 */
export async function saveEncoderOnnx(
  files: Files,
  net: EncoderNetwork,
  options: SaveEncoderOnnxOptions = {},
): Promise<OnnxFolder<EncoderParity>> {
  const { texts, ...folder } = options;
  if (texts !== undefined) net.tokens(texts);
  const contents = {
    where: "saveEncoderOnnx",
    params: net.params,
    model: () => encoderOnnxModel(net),
    compare: (model: Parameters<typeof encoderParity>[0]) => encoderParity(model, net, texts),
    tokenizer: net.hasTokenizer ? net.tokenizer : undefined,
  };
  return writeOnnxFolder(files, contents, folder);
}
