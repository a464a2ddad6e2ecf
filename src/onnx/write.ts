// Models whose weights are read while they are written, so that one weight at a time lies in memory. A protobuf message has less than
// 2 GB: larger weights lie in files beside the model, as ONNX Runtime and transformers.js expect them.

import { PatchClampError } from "../core/errors.ts";
import type { InitializerForm, ModelForm } from "./proto.ts";
import { encodeConstantStart, encodeModelStart } from "./proto.ts";

/** A constant whose numbers are read when it is written. */
export interface LateConstant extends Omit<InitializerForm, "bytes"> {
  /** In bytes. */
  readonly size: number;
  readonly read: () => Promise<Uint8Array>;
}

/** A model that has not been written yet. */
export interface UnwrittenModel {
  /** All of it but the weights. */
  readonly form: ModelForm;
  readonly weights: readonly LateConstant[];
}

/** A file of a model; its parts follow one another. */
export interface ModelFile {
  readonly path: string;
  readonly parts: () => AsyncIterable<Uint8Array>;
}

/** Options of `modelFiles`. */
export interface ModelFileOptions {
  /** Weights of more bytes than this lie beside the model. Default 1.5e9, well below protobuf's limit. */
  readonly mostInside?: number;
  /** Where a file of weights ends and the next begins, in bytes. Default 1.9e9, which one buffer of a browser holds. */
  readonly mostBeside?: number;
}

/** Operating systems map files into memory by pages, so weights that lie beside begin at one. */
const PAGE = 4096;

/** Below this a weight stays in the model: it is hardly more than its name. In bytes. */
const SMALL = 1024;

/**
 * The files that a model becomes: weights that lie beside it first, then the model.
 *
 * @param path - of the model, such as `onnx/model.onnx`; weights lie in `onnx/model.onnx_data`, `onnx/model.onnx_data_1` ...
 */
export function modelFiles(
  { form, weights }: UnwrittenModel,
  path: string,
  options: ModelFileOptions = {},
): ModelFile[] {
  const { mostInside = 1.5e9, mostBeside = 1.9e9 } = options;
  const total = weights.reduce((sum, { size }) => sum + size, 0);
  if (total <= mostInside) return [{ path, parts: () => wholeParts(form, weights) }];
  const inside = weights.filter(({ size }) => size < SMALL);
  const files: LateConstant[][] = [[]];
  let end = 0;
  const placed: InitializerForm[] = [];
  for (const weight of weights) {
    if (weight.size < SMALL) continue;
    if (end > 0 && end + weight.size > mostBeside) {
      files.push([]);
      end = 0;
    }
    files.at(-1)!.push(weight);
    const { name, onnxType, shape, size } = weight;
    const location = dataPath(path.split("/").at(-1)!, files.length - 1);
    placed.push({ name, onnxType, shape, bytes: { location, offset: end, length: size } });
    end += padded(size);
  }
  const model = { ...form, initializers: [...form.initializers, ...placed] };
  return [
    ...files.map((own, i) => ({ path: dataPath(path, i), parts: () => dataParts(own) })),
    { path, parts: () => wholeParts(model, inside) },
  ];
}

/**
 * A model as one piece.
 *
 * @throws PatchClampError `UNSUPPORTED` for weights of 2 GB and more
 */
export async function modelBytes(
  where: string,
  { form, weights }: UnwrittenModel,
): Promise<Uint8Array> {
  const total = weights.reduce((sum, { size }) => sum + size, 0);
  if (total >= 2 ** 31 - 2 ** 20) {
    throw new PatchClampError("UNSUPPORTED", {
      where,
      problem: `the weights have ${(total / 1e9).toFixed(1)} GB, and one ONNX file holds less than 2 GB.`,
      fix: "save it to a folder with saveOnnx, which writes such weights beside the model, or use weights in fewer bits.",
      facts: { bytes: total },
    });
  }
  const parts: Uint8Array[] = [];
  for await (const part of wholeParts(form, weights)) parts.push(part);
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

async function* wholeParts(
  form: ModelForm,
  weights: readonly LateConstant[],
): AsyncGenerator<Uint8Array> {
  const starts = weights.map((weight) => encodeConstantStart(weight, weight.size));
  const toCome = weights.reduce((sum, { size }, i) => sum + starts[i]!.length + size, 0);
  yield encodeModelStart(form, toCome);
  for (const [i, weight] of weights.entries()) {
    yield starts[i]!;
    yield await readWhole(weight);
  }
}

async function* dataParts(weights: readonly LateConstant[]): AsyncGenerator<Uint8Array> {
  for (const weight of weights) {
    yield await readWhole(weight);
    const gap = padded(weight.size) - weight.size;
    if (gap > 0) yield new Uint8Array(gap);
  }
}

async function readWhole({ name, size, read }: LateConstant): Promise<Uint8Array> {
  const bytes = await read();
  if (bytes.length === size) return bytes;
  throw new Error(`${name} has ${bytes.length} bytes, not ${size}`);
}

function padded(size: number): number {
  return Math.ceil(size / PAGE) * PAGE;
}

function dataPath(path: string, i: number): string {
  return `${path}_data${i === 0 ? "" : `_${i}`}`;
}
