// Opens an ONNX file as a network. Constants in files beside it are read when they are first needed.

import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { OnnxNetwork } from "../network/onnx/onnx-network.ts";
import type { OnnxInput } from "../network/onnx/onnx-inputs.ts";
import type { ReadExternal } from "../onnx/import/data.ts";
import { leafOf } from "../onnx/import/data.ts";
import { prepackConstant } from "../onnx/import/turned.ts";
import { readModel } from "../onnx/model.ts";
import type { OnnxTensor } from "../onnx/model.ts";
import { folderOf, pathWithin } from "../onnx/surgery/location.ts";
import type { Tensor } from "../runtime/index.ts";

/** Options of `openOnnx`. */
export interface OpenOnnxOptions {
  /** What errors and reports call the network. Default: the path. */
  name?: string | undefined;
  /**
   * An input on which sites are listed. Default: 5 tokens, an image of 224 pixels in either direction or a second of sound; models that
   * take something else need one.
   */
  example?: OnnxInput | undefined;
  /**
   * `fp32-prepacked` copies constant matrices into every graph that multiplies by them, in the order in which the processor reads them
   * fastest: less time a run, for two more copies of them in memory and a first run that takes a second longer. Default `fp32`.
   */
  weights?: "fp32" | "fp32-prepacked" | undefined;
}

/**
 * Opens an ONNX model. Nothing runs, and large data in files beside it is not read before it is needed.
 *
 * @param files - its folder, from which data beside the model is read as well
 * @param path - of the `.onnx` file in it
 * @throws PatchClampError `BAD_FILE` when it is no whole ONNX model, or its data lies outside its folder or is not there; `UNSUPPORTED`
 * when a constant or an input is of a type that is not computed here. An operator that is not known is refused when the network first
 * runs or lists its sites.
 */
export async function openOnnx(
  files: Files,
  path: string,
  options: OpenOnnxOptions = {},
): Promise<OnnxNetwork> {
  const { name = path, example, weights = "fp32" } = options;
  const model = readModel("openOnnx", await files.read(path));
  const beside = new FilesBeside(files, path);
  const constants: Record<string, Tensor> = {};
  for (const initializer of model.graph.initializers) {
    await beside.check(initializer);
    const constant = await leafOf("openOnnx", initializer, beside.read);
    if (weights === "fp32-prepacked") prepackConstant(constant);
    constants[initializer.name] = constant;
  }
  return new OnnxNetwork({ name, model, constants, example });
}

/** The files in which a model has data. */
class FilesBeside {
  readonly #files: Files;
  readonly #path: string;
  readonly #folder: string;
  readonly #sizes = new Map<string, number>();

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
    this.#folder = folderOf(path);
  }

  /** Checks that the data of a constant is where the model says; a model is no reason to read files elsewhere on the machine. */
  async check({ name, data }: OnnxTensor): Promise<void> {
    if (data instanceof Uint8Array) return;
    const { location, offset, length = 0 } = data;
    if (pathWithin(location) === undefined) {
      throw this.#bad(
        `says that data of it lies in ${JSON.stringify(location)}, which is outside its folder`,
        "load a model whose data lies beside it.",
      );
    }
    const size = this.#sizes.get(location) ?? (await this.#sizeOf(name, location));
    this.#sizes.set(location, size);
    if (offset + length > size) {
      throw this.#bad(
        `has the constant "${name}" at bytes ${offset}..${offset + length} of "${location}", which has ${size}`,
        "load the model with the files that were saved with it.",
      );
    }
  }

  readonly read: ReadExternal = async ({ location, offset, length }) => {
    const place = this.#folder + location;
    const end = length === undefined ? await this.#files.size(place) : offset + length;
    return this.#files.readRange(place, offset, end);
  };

  async #sizeOf(name: string, location: string): Promise<number> {
    const place = this.#folder + location;
    if (await this.#files.exists(place)) return this.#files.size(place);
    throw this.#bad(
      `has the constant "${name}" in "${location}", which is not beside it`,
      "load the model with the files that were saved with it.",
    );
  }

  #bad(problem: string, fix: string): PatchClampError {
    return new PatchClampError("BAD_FILE", {
      where: "openOnnx",
      problem: `${this.#path} ${problem}.`,
      fix,
      facts: { path: this.#path },
    });
  }
}
