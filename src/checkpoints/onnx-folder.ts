// A folder with an ONNX model, in the layout of transformers.js: what saving is for every kind of network.

import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { readJson, writeParts } from "../core/files.ts";
import type { Tree } from "../core/tree.ts";
import { leaves } from "../core/tree.ts";
import { storedParts } from "../network/stored-parts.ts";
import type { Tokenizer } from "../network/tokenizer.ts";
import { modelFiles } from "../onnx/write.ts";
import type { ModelFileOptions, UnwrittenModel } from "../onnx/write.ts";
import type { PlainModel } from "../runtime/plain-session.ts";
import { packedParts } from "../tensor/ops/quantised.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { hasTokenizer, readTokenizerJson } from "./tokenizer/files.ts";
import { asObject } from "./tokenizer/specials.ts";
import type { Json } from "./tokenizer/specials.ts";

/** The key of a config under which transformers.js keeps what is its own. */
const OWN_KEY = "transformers.js_config";

/** How transformers.js calls the forms of weights, and the ends of its files' names. */
const SUFFIXES = { fp32: "", fp16: "_fp16", q8: "_quantized", q4: "_q4" } as const;

/** A form of weights as transformers.js calls it. */
export type OnnxDtype = keyof typeof SUFFIXES;

/** Options of saving an ONNX model. */
export interface OnnxFolderOptions extends ModelFileOptions {
  /** The folder that the network came from: its config, and what reads its text. Without it the model alone is written. */
  readonly source?: Files | undefined;
  /** Whether the file is run, and compared with the network. It takes the memory of both. Default true. */
  readonly compares?: boolean;
}

/** What was written. */
export interface OnnxFolder<Parity> {
  /** The model's path in the folder. */
  readonly model: string;
  /** The form of its weights; transformers.js asks for it as `dtype`, and finds it in the config as well. */
  readonly dtype: OnnxDtype;
  /** Bytes of all files. */
  readonly bytes: number;
  /** How the file differs from the network; it lies beside the model too. */
  readonly parity?: Parity;
}

/** What is saved. */
export interface FolderContents<Parity> {
  /** The public function that errors name. */
  readonly where: string;
  readonly params: Tree<Tensor>;
  readonly model: () => Promise<UnwrittenModel>;
  /** Compares the written model with the network. */
  readonly compare: (model: PlainModel) => Promise<Parity>;
  /** Files beside the config and the tokenizer. */
  readonly texts?: (source: Files) => Promise<Record<string, Json>>;
  readonly tokenizer: Tokenizer | undefined;
  /** What the tokenizer's config says in addition. */
  readonly tokenizerConfig?: Json;
}

/**
 * Writes a model, and what transformers.js wants beside it.
 *
 * All is computed, encoded and checked before the first write but the weights, which are read as they are written. The config comes last:
 * a save that was cut short leaves a folder that nobody takes for a network, and that can be saved to again.
 *
 * @throws PatchClampError `BAD_INPUT` when the folder holds another network or this model
 */
export async function writeOnnxFolder<Parity>(
  files: Files,
  contents: FolderContents<Parity>,
  options: OnnxFolderOptions,
): Promise<OnnxFolder<Parity>> {
  const { source, compares = true, ...limits } = options;
  const dtype = dtypeOf(contents.params);
  const model = `onnx/model${SUFFIXES[dtype]}.onnx`;
  if (await isTaken(files, model, source)) throw occupied(contents.where, files, model);
  const written = modelFiles(await contents.model(), model, limits);
  const beside = written.filter(({ path }) => path !== model).map(({ path }) => path);
  const described =
    source && (await descriptions(files, source, contents, { dtype, model, beside }));
  const count = { bytes: 0 };
  for (const { path, parts } of written) await writeParts(files, path, counted(parts(), count));
  const parity = compares ? await contents.compare(await reread(files, model, beside)) : undefined;
  const report = parity && { [model.replace(/onnx$/, "parity.json")]: encodeJson(parity) };
  for (const [path, bytes] of Object.entries({ ...report, ...described })) {
    count.bytes += bytes.length;
    await files.write(path, bytes);
  }
  return { model, dtype, ...count, ...(parity === undefined ? {} : { parity }) };
}

/** Whether the model is there and was saved to its end. */
async function isTaken(files: Files, model: string, source: Files | undefined): Promise<boolean> {
  if (!(await files.exists(model))) return false;
  return source === undefined || files.exists("config.json");
}

/** The form that most of a network's numbers are stored in. */
function dtypeOf(params: Tree<Tensor>): OnnxDtype {
  const forms = leaves<Tensor>(params).map(([, weight]): OnnxDtype => {
    const bits = packedParts(weight)?.form.bits;
    if (bits !== undefined) return bits === 4 ? "q4" : "q8";
    return storedParts(weight)[0]!.dtype === "float16" ? "fp16" : "fp32";
  });
  return (["q4", "q8", "fp16"] as const).find((form) => forms.includes(form)) ?? "fp32";
}

function occupied(where: string, files: Files, path: string): PatchClampError {
  return new PatchClampError("BAD_INPUT", {
    where,
    problem: `${files.name} holds ${path} already.`,
    fix: "save to another folder.",
    facts: { folder: files.name, path },
  });
}

/** The model that was just written. */
interface WrittenModel {
  readonly dtype: OnnxDtype;
  readonly model: string;
  /** Files of its weights. */
  readonly beside: readonly string[];
}

/** What transformers.js reads beside the model, by path; the config last. */
async function descriptions(
  files: Files,
  source: Files,
  contents: Pick<FolderContents<unknown>, "where" | "texts" | "tokenizer" | "tokenizerConfig">,
  written: WrittenModel,
): Promise<Record<string, Uint8Array>> {
  const { where, texts, tokenizer, tokenizerConfig = {} } = contents;
  const config = await configOf(where, { files, source }, written);
  const json = {
    ...(tokenizer !== undefined && (await hasTokenizer(source))
      ? await tokenizerTexts(where, source, { tokenizer, more: tokenizerConfig })
      : {}),
    ...(await texts?.(source)),
    "config.json": config,
  };
  const entries = Object.entries(json).map(([path, one]) => [path, encodeJson(one)] as const);
  return Object.fromEntries(entries);
}

/** The network's config, with what transformers.js wants to know of the model. */
async function configOf(
  where: string,
  { files, source }: { readonly files: Files; readonly source: Files },
  { dtype, model, beside }: WrittenModel,
): Promise<Json> {
  const { [OWN_KEY]: given, ...config } = asObject(await readJson(where, source, "config.json"));
  const before = await optionalJson(where, files, "config.json");
  const { [OWN_KEY]: known, ...other } = before;
  if (Object.keys(before).length > 0 && JSON.stringify(other) !== JSON.stringify(config)) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: `${files.name} holds another network: its config.json is not that of ${source.name}.`,
      fix: "save to another folder.",
      facts: { folder: files.name },
    });
  }
  const settings = { ...asObject(given), ...asObject(known) };
  const name = model.split("/").at(-1)!;
  const external = { ...asObject(settings["use_external_data_format"]), [name]: beside.length };
  return {
    ...config,
    [OWN_KEY]: {
      ...settings,
      // browsers would look for 8 bits, were nothing said
      dtype,
      ...(Object.values(external).some((count) => count !== 0)
        ? { use_external_data_format: external }
        : {}),
    },
  };
}

/** What reads and writes text, as transformers.js wants it. */
async function tokenizerTexts(
  where: string,
  source: Files,
  { tokenizer, more }: { readonly tokenizer: Tokenizer; readonly more: Json },
): Promise<Record<string, Json>> {
  const { specialTokens, chatTemplates } = tokenizer;
  const { default: template } = chatTemplates;
  const config: Json = {
    tokenizer_class: "PreTrainedTokenizerFast",
    ...specialTokens,
    ...(template === undefined ? {} : { chat_template: template }),
    ...more,
    ...(await optionalJson(where, source, "tokenizer_config.json")),
  };
  return {
    "tokenizer.json": asObject(await readTokenizerJson(source, config)),
    "tokenizer_config.json": config,
  };
}

async function reread(files: Files, model: string, beside: readonly string[]): Promise<PlainModel> {
  const bytes = await files.read(model);
  const entries = beside.map(
    async (path) => [path.split("/").at(-1)!, await files.read(path)] as const,
  );
  return { bytes, beside: Object.fromEntries(await Promise.all(entries)) };
}

async function* counted(
  parts: AsyncIterable<Uint8Array>,
  count: { bytes: number },
): AsyncGenerator<Uint8Array> {
  for await (const part of parts) {
    count.bytes += part.length;
    yield part;
  }
}

/** A JSON file's fields; none where there is no such file. */
export async function optionalJson(where: string, files: Files, path: string): Promise<Json> {
  return (await files.exists(path)) ? asObject(await readJson(where, files, path)) : {};
}

function encodeJson(json: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`);
}
