// Runs the backend tests of the `onnx` package (see golden/onnx/README.md) through the import.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

import { PatchClampError } from "../src/core/errors.ts";
import { constantOf } from "../src/onnx/import/data.ts";
import { importHandlers } from "../src/onnx/import/index.ts";
import { runModel } from "../src/onnx/import/run.ts";
import type { OnnxModel, OnnxNode, OnnxTensor, OnnxType } from "../src/onnx/model.ts";
import { ModelReader, readModel } from "../src/onnx/model.ts";
import type { Tensor } from "../src/runtime/index.ts";
import { evaluate } from "../src/runtime/index.ts";

/** Where the cases that are refused stand, with the sentences that say why. */
export const REFUSED = new URL("golden/onnx/refused.json", import.meta.url);

/** A model, what goes in and what must come out; null is no tensor. */
export interface NodeCase {
  /** `node` for tests of one operator, else the folder of the package. */
  readonly kind: string;
  readonly name: string;
  readonly model: Uint8Array;
  readonly inputs: readonly (Uint8Array | null)[];
  readonly outputs: readonly (Uint8Array | null)[];
}

type Place = readonly [offset: number, length: number];

interface Description {
  readonly onnx: string;
  readonly cases: readonly {
    readonly kind: string;
    readonly name: string;
    readonly model: Place;
    readonly inputs: readonly (Place | null)[];
    readonly outputs: readonly (Place | null)[];
  }[];
}

/** The cases, and the version of the package that they are from. */
export function readCases(): { version: string; cases: NodeCase[] } {
  const file = new Uint8Array(
    gunzipSync(readFileSync(new URL("golden/onnx/nodes.bin.gz", import.meta.url))),
  );
  const start = 4 + new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  const { onnx, cases } = JSON.parse(
    new TextDecoder().decode(file.subarray(4, start)),
  ) as Description;
  const part = ([offset, length]: Place): Uint8Array =>
    file.subarray(start + offset, start + offset + length);
  const parts = (places: readonly (Place | null)[]): (Uint8Array | null)[] =>
    places.map((place) => place && part(place));
  return {
    version: onnx,
    cases: cases.map(({ kind, name, model, inputs, outputs }) => ({
      kind,
      name,
      model: part(model),
      inputs: parts(inputs),
      outputs: parts(outputs),
    })),
  };
}

/** What a case computes on. */
export type Category = "real" | "whole" | "other";

const REAL: readonly OnnxType[] = ["float32", "float16", "bfloat16", "float64"];
const WHOLE: readonly OnnxType[] = [
  ...(["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"] as const),
];

/**
 * `real` for tensors some of which hold real numbers, `whole` for those that hold none, `other` where something is no tensor, or holds
 * texts, complex numbers or numbers of fewer than 16 bits with a point.
 */
export function categoryOf({ inputs, outputs }: OnnxModel["graph"]): Category {
  const types = [...inputs, ...outputs].map(({ type }) => type);
  const isReal = (type: OnnxType | undefined): boolean => REAL.some((real) => real === type);
  const isWhole = (type: OnnxType | undefined): boolean => WHOLE.some((whole) => whole === type);
  if (!types.every((type) => isReal(type) || isWhole(type))) return "other";
  return types.some(isReal) ? "real" : "whole";
}

/** The operator that a case tests, or the word that it begins with where there are several. */
export function subjectOf({ kind, name }: NodeCase, { nodes }: OnnxModel["graph"]): string {
  if (kind !== "node") return kind;
  if (nodes.length !== 1) return `several operators: ${name.split("_")[1]}`;
  const [{ domain, opType }] = nodes as [OnnxNode];
  return domain === "" ? opType : `${domain}.${opType}`;
}

/** What became of a case: undefined where it passes, else a sentence. */
export interface Outcome {
  readonly refused?: string;
  readonly wrong?: string;
}

// the bounds of the package's own runner, as numpy.testing.assert_allclose takes them
const RELATIVE = 1e-3;
const ABSOLUTE = 1e-7;

// Halves are computed as float32 and the values to compare with were rounded at every step: four roundings to 11 and to 8 digits.
const RELATIVE_OF: Partial<Record<OnnxType, number>> = { float16: 2 ** -9, bfloat16: 2 ** -6 };

/** Cases whose values to compare with are off by so much where 0 is right. */
const NOISE: Readonly<Record<string, number>> = {
  test_dft_inverse: 1e-6,
  test_dft_inverse_opset19: 1e-6,
};

/** Runs a case and compares what comes out. */
export async function runCase(given: NodeCase): Promise<Outcome> {
  try {
    return await compare(given, await outputsOf(given));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isRefusal = error instanceof PatchClampError && error.code === "UNSUPPORTED";
    return isRefusal ? { refused: error.message } : { wrong: error.stack ?? error.message };
  }
}

/** The constants of a case's model, and what goes in, by name. */
export function givenOf({ inputs }: NodeCase, { graph }: OnnxModel): Map<string, Tensor> {
  const values = new Map<string, Tensor>();
  for (const data of graph.initializers) values.set(data.name, constantOf("importGraph", data));
  for (const [i, data] of inputs.entries()) {
    const name = graph.inputs[i]?.name ?? "";
    values.set(name, tensorOf(data, `the input "${name}"`));
  }
  return values;
}

async function outputsOf(given: NodeCase): Promise<readonly Tensor[]> {
  const model = readModel("importGraph", given.model);
  const outputs = runModel(model, givenOf(given, model), {
    where: "importGraph",
    handlers: importHandlers,
    tap: (_, x) => x,
  });
  return evaluate(outputs);
}

function tensorOf(data: Uint8Array | null, what: string): Tensor {
  if (data !== null) return constantOf("importGraph", dataOf(data));
  throw new PatchClampError("UNSUPPORTED", {
    where: "importGraph",
    problem: `${what} is no tensor, and other values are not computed here.`,
  });
}

function dataOf(data: Uint8Array): OnnxTensor {
  return new ModelReader("importGraph").tensor(data);
}

async function compare({ name, outputs }: NodeCase, found: readonly Tensor[]): Promise<Outcome> {
  for (const [i, data] of outputs.entries()) {
    const wanted = tensorOf(data, `output ${i}`);
    const got = found[i]!;
    const title = `output ${i}`;
    if (got.dtype !== wanted.dtype)
      return { wrong: `${title} is ${got.dtype}, not ${wanted.dtype}` };
    if (got.shape.join() !== wanted.shape.join())
      return { wrong: `${title} is [${got.shape.join()}], not [${wanted.shape.join()}]` };
    const [have, want] = [await got.numbers(), await wanted.numbers()];
    const relative = RELATIVE_OF[dataOf(data!).type] ?? RELATIVE;
    const absolute = NOISE[name] ?? ABSOLUTE;
    const at = want.findIndex((value, k) => !isClose(have[k]!, value, [relative, absolute]));
    if (at >= 0) return { wrong: `${title} has ${have[at]} at ${at}, not ${want[at]}` };
  }
  return {};
}

function isClose(
  got: number,
  want: number,
  [relative, absolute]: readonly [number, number],
): boolean {
  if (Object.is(got, want) || got === want) return true;
  return Math.abs(got - want) <= absolute + relative * Math.abs(want);
}
