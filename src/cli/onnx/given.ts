// What an ONNX model is given on the command line: a text, token ids, or a file with all its inputs.

import { basename, dirname, extname, join } from "node:path";

import { readSafetensors } from "../../checkpoints/safetensors.ts";
import { hasTokenizer, loadTokenizer } from "../../checkpoints/tokenizer/tokenizer.ts";
import type { TensorData } from "../../core/dtypes.ts";
import { PatchClampError } from "../../core/errors.ts";
import { readJson } from "../../core/files.ts";
import type { OnnxInput, OnnxPort } from "../../network/onnx/onnx-inputs.ts";
import type { Tokenizer } from "../../network/tokenizer.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import { openFolder } from "../../runtime/open-folder.ts";
import { fromHost } from "../../tensor/leaf.ts";
import type { DType, Tensor } from "../../tensor/tensor.ts";
import { toIds } from "../prompt.ts";
import type { ModelFile } from "./model.ts";

/** What a model reads, in the form in which it was written. */
export interface WrittenInput {
  /** A text, or a list of ids where `isIds`. */
  readonly text: string | undefined;
  readonly isIds: boolean;
  /** All inputs, in place of a text. */
  readonly inputs: OnnxInput | undefined;
}

/** An input as its model takes it. */
export interface GivenInput {
  readonly input: OnnxInput;
  /** Tokens as the vocabulary writes them, or ids; none where the inputs came from a file. */
  readonly tokens: readonly string[];
  readonly tokenizer: Tokenizer | undefined;
}

/**
 * Reads what a model is to be given.
 *
 * @param ports - the inputs of the model
 * @throws PatchClampError `BAD_INPUT` when there is nothing, the model takes no tokens, or a text has no tokenizer
 */
export async function readGiven(
  where: string,
  model: ModelFile,
  ports: readonly OnnxPort[],
  { text, isIds, inputs }: WrittenInput,
): Promise<GivenInput> {
  const tokenizer = await tokenizerBeside(model);
  if (inputs !== undefined) return { input: inputs, tokens: [], tokenizer };
  if (text === undefined) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: `${model.place} is given nothing.`,
      fix: "write a text, token ids with --ids, or a file with its inputs as --inputs FILE.",
    });
  }
  const port = tokensPort(where, model, ports);
  if (isIds) {
    const ids = toIds(text);
    return { input: { [port]: [ids] }, tokens: ids.map(String), tokenizer };
  }
  if (tokenizer === undefined) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: `there is no tokenizer beside ${model.place} nor in the folder above it, so it reads no text.`,
      fix: "put its tokenizer.json there, or give token ids with --ids.",
    });
  }
  const ids = tokenizer.encode(text);
  return { input: { [port]: [ids] }, tokens: ids.map((id) => tokenizer.token(id)), tokenizer };
}

/** The input that takes tokens: the one that is called so, else the only whole numbers [batch, pos]. */
function tokensPort(where: string, { place }: ModelFile, ports: readonly OnnxPort[]): string {
  const named = ports.filter(({ name }) => name.endsWith("input_ids"));
  const rows = ports.filter(
    ({ dtype, shape }) => (dtype === "int64" || dtype === "int32") && shape?.length === 2,
  );
  const found = named.length > 0 ? named : rows;
  if (found.length === 1) return found[0]!.name;
  const names = ports.map(({ name }) => `"${name}"`).join(", ");
  throw new PatchClampError("BAD_INPUT", {
    where,
    problem: `${place} takes ${names}, and which of them a text is for is not clear.`,
    fix: "give its inputs by name in a file: --inputs FILE.json.",
  });
}

/** The tokenizer in the folder of a model or, as transformers.js has it, in the folder above. */
async function tokenizerBeside({ place, files }: ModelFile): Promise<Tokenizer | undefined> {
  // of a hub, the files are the whole repository, at whose top tokenizers lie
  const isHub = place.startsWith("hf:");
  const folders = isHub ? [files] : [files, openFolder(join(dirname(place), ".."))];
  for (const folder of folders) if (await hasTokenizer(folder)) return loadTokenizer(folder);
  return undefined;
}

/**
 * Reads the inputs of a model by name: JSON with nested lists of numbers, or safetensors.
 *
 * @throws PatchClampError `BAD_FILE` when the file holds something else
 */
export async function readInputs(file: string): Promise<OnnxInput> {
  const [files, name] = [nodeFiles(dirname(file)), basename(file)];
  if (extname(file) === ".safetensors") {
    const { tensors } = await readSafetensors(files, name);
    const inputs: Record<string, Tensor> = {};
    for (const [key, { shape, data }] of tensors) inputs[key] = leaf(await data(), shape);
    return inputs;
  }
  const json = await readJson("--inputs", files, name);
  const isByName =
    typeof json === "object" && json !== null && Object.values(json).every(isNumbers);
  if (isByName && !Array.isArray(json)) return json as OnnxInput;
  throw new PatchClampError("BAD_FILE", {
    where: "--inputs",
    problem: `${file} does not hold numbers by the names of inputs.`,
    fix: 'write them as {"input_ids": [[2, 17, 9]]}, or as safetensors.',
  });
}

/** Numbers in lists of any depth. */
function isNumbers(value: unknown): boolean {
  return Array.isArray(value) ? value.every(isNumbers) : typeof value === "number";
}

function leaf(data: TensorData, shape: readonly number[]): Tensor {
  return fromHost(data, { shape, dtype: dtypeOf(data) });
}

function dtypeOf(data: TensorData): DType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof BigInt64Array) return "int64";
  if (data instanceof Int32Array) return "int32";
  return data instanceof Int8Array ? "int8" : "uint8";
}
