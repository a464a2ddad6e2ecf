// A model file as ONNX Runtime alone runs it, which is what everybody else will get from it.

import { backend } from "#engine";

import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-common";

import { float16ToFloat32, float32ToFloat16 } from "../core/dtypes.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Tensor, TypedArray } from "../tensor/tensor.ts";

/** What a model gave for one of its outputs. */
export interface PlainOutput {
  readonly shape: readonly number[];
  readonly numbers: readonly number[];
}

/** A model file: its bytes, with those of files that lie beside it; or, in Node, its path, from which those are found. */
export type PlainModel =
  | Uint8Array
  | string
  | {
      readonly bytes: Uint8Array;
      /** Files by the paths under which the model speaks of them. */
      readonly beside: Readonly<Record<string, Uint8Array>>;
    };

/** A model file in ONNX Runtime; to be released by `await using` or by hand. */
export class PlainSession {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  /**
   * Opens a model on the processor.
   *
   * @throws PatchClampError `RUNTIME_FAILED` when ONNX Runtime refuses it; its own words are the cause
   */
  static async open(model: PlainModel): Promise<PlainSession> {
    const { InferenceSession } = backend.ort;
    const common = { executionProviders: [backend.devices[0]!], logSeverityLevel: 4 } as const;
    const { bytes, beside } =
      model instanceof Uint8Array || typeof model === "string"
        ? { bytes: model, beside: {} }
        : model;
    const externalData = Object.entries(beside).map(([path, data]) => ({ path, data }));
    const options = externalData.length === 0 ? common : { ...common, externalData };
    const opening =
      typeof bytes === "string"
        ? InferenceSession.create(bytes, options)
        : InferenceSession.create(bytes, options);
    return new PlainSession(await opening.catch(failure("does not open the model")));
  }

  /** The names of the inputs. */
  get inputs(): readonly string[] {
    return this.#session.inputNames;
  }

  /** The shapes of inputs; texts name sizes that are open. */
  shapeOf(input: string): readonly (number | string)[] {
    const port = this.#session.inputMetadata.find(({ name }) => name === input);
    return port?.isTensor === true ? port.shape : [];
  }

  /** The names of the outputs. */
  get outputs(): readonly string[] {
    return this.#session.outputNames;
  }

  /**
   * Runs the model.
   *
   * @param given - tensors by the names of inputs, in any type; those that the model does not take are left out
   * @throws PatchClampError `RUNTIME_FAILED` when ONNX Runtime cannot run it on these
   */
  async run(given: Readonly<Record<string, Tensor>>): Promise<Record<string, PlainOutput>> {
    const feeds: Record<string, OrtTensor> = {};
    for (const { name, ...port } of this.#session.inputMetadata) {
      const x = given[name];
      if (x === undefined || !port.isTensor) continue;
      feeds[name] = fed(port.type, await x.data(), x.shape);
    }
    const results = await this.#session.run(feeds).catch(failure("does not run the model"));
    const entries = Object.entries(results).map(([name, value]) => [name, output(value)] as const);
    return Object.fromEntries(entries);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

/** What holds numbers of a type. */
const ARRAYS: Readonly<
  Partial<Record<OrtTensor.Type, (numbers: number[]) => TypedArray | Float64Array>>
> = {
  float32: (numbers) => Float32Array.from(numbers),
  float16: (numbers) => float32ToFloat16(Float32Array.from(numbers)),
  float64: (numbers) => Float64Array.from(numbers),
  int64: (numbers) => BigInt64Array.from(numbers, BigInt),
  int32: (numbers) => Int32Array.from(numbers),
  int8: (numbers) => Int8Array.from(numbers),
  uint8: (numbers) => Uint8Array.from(numbers),
  bool: (numbers) => Uint8Array.from(numbers),
};

/** Numbers in the type that the file wants: half precision, for one, is held as float32 here. */
function fed(type: OrtTensor.Type, data: TypedArray, shape: readonly number[]): OrtTensor {
  const array = ARRAYS[type]?.(Array.from(data as ArrayLike<number | bigint>, Number));
  if (array === undefined) {
    throw new PatchClampError("UNSUPPORTED", {
      where: "PlainSession.run",
      problem: `the model takes ${type}, which is not given to it here.`,
    });
  }
  const tensor = new backend.ort.Tensor(type as "float32", array as Float32Array, shape);
  if (type === "float16") backend.bindHalf(tensor, array as Uint16Array);
  return tensor;
}

function output({ type, dims, data }: OrtTensor): PlainOutput {
  const bits = data as ArrayLike<number | bigint>;
  const isHalf = type === "float16" && data instanceof Uint16Array;
  return {
    shape: dims,
    numbers: isHalf ? Array.from(float16ToFloat32(data)) : Array.from(bits, Number),
  };
}

function failure(problem: string): (cause: unknown) => never {
  return (cause) => {
    throw new PatchClampError("RUNTIME_FAILED", {
      where: "PlainSession",
      problem: `ONNX Runtime ${problem}.`,
      cause,
    });
  };
}
