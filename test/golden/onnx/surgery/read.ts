// The models of this folder, and stock ONNX Runtime to run what becomes of them.

import path from "node:path";

import * as ort from "onnxruntime-node";

import type { Files } from "../../../../src/core/files.ts";
import type { Surgery } from "../../../../src/onnx/surgery/index.ts";
import { surgery } from "../../../../src/onnx/surgery/index.ts";
import { nodeFiles } from "../../../../src/runtime/node-files.ts";

/** The folder, as surgery takes it. */
export const goldenFolder: Files = nodeFiles(import.meta.dirname);

export type GoldenModel = "decoder" | "external" | "quantised" | "bodies" | "shapes";

export function openGoldenModel(name: GoldenModel): Promise<Surgery> {
  return surgery({ files: goldenFolder, path: `${name}.onnx` });
}

export interface Result {
  readonly type: string;
  readonly shape: readonly number[];
  readonly numbers: readonly number[];
}

/** What a model gives for some inputs. It is run as it is written, without the runtime's optimisations. */
export async function runModel(
  model: Surgery | Uint8Array | string,
  feeds: Readonly<Record<string, ort.Tensor>>,
): Promise<Readonly<Record<string, Result>>> {
  const source =
    typeof model === "string" || model instanceof Uint8Array ? model : await model.bytes();
  const options = { graphOptimizationLevel: "disabled", logSeverityLevel: 3 } as const;
  const session =
    typeof source === "string"
      ? await ort.InferenceSession.create(source, options)
      : await ort.InferenceSession.create(source, options);
  try {
    const results = await session.run(feeds);
    return Object.fromEntries(
      Object.entries(results).map(([name, { type, dims, data }]) => [
        name,
        { type, shape: dims, numbers: Array.from(data as ArrayLike<number | bigint>, Number) },
      ]),
    );
  } finally {
    await session.release();
  }
}

/** Inputs for each model, with sizes for its named axes. */
export const feeds: Readonly<Record<GoldenModel, Readonly<Record<string, ort.Tensor>>>> = {
  decoder: {
    ids: new ort.Tensor(
      "int64",
      BigInt64Array.from([1, 5, 7, 23, 9, 9, 2, 0, 4, 3, 11, 12], BigInt),
      [3, 4],
    ),
  },
  external: { x: floats([3, 8]) },
  quantised: { x: floats([2, 3, 32]) },
  bodies: { x: floats([3, 4]) },
  shapes: { x: floats([3, 4, 6, 9]) },
};

/** Numbers between -1 and 1 without a pattern. */
export function floats(shape: readonly number[]): ort.Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return new ort.Tensor(
    "float32",
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * i + 1)),
    shape,
  );
}

/** Where a model of this folder lies. */
export function goldenPath(name: GoldenModel): string {
  return path.join(import.meta.dirname, `${name}.onnx`);
}

/** What one model gave as what another takes. */
export function feedsOf(results: Readonly<Record<string, Result>>): Record<string, ort.Tensor> {
  return Object.fromEntries(
    Object.entries(results).map(([name, { type, shape, numbers }]) => {
      if (type === "int64")
        return [name, new ort.Tensor(type, BigInt64Array.from(numbers, BigInt), shape)];
      if (type === "float32")
        return [name, new ort.Tensor(type, Float32Array.from(numbers), shape)];
      return [name, new ort.Tensor(type as "uint8" | "bool", Uint8Array.from(numbers), shape)];
    }),
  );
}
