// Control vectors of llama.cpp and repeng: GGUF files with one direction a layer, which is added to the layer's output.

import { PatchClampError } from "../../core/errors.ts";
import { memoryFiles } from "../../core/files.ts";
import type { Intervention } from "../../values/intervention.ts";
import type { InterventionSet, InterventionSetInput } from "../../values/intervention-set.ts";
import { interventionSet } from "../../values/intervention-set.ts";
import type { Numbers } from "../../values/numbers.ts";
import { decode } from "../../core/dtypes.ts";
import type { GgufTensor } from "../gguf/header.ts";
import { readGgufHeader } from "../gguf/header.ts";
import { writeGguf } from "../gguf/writer.ts";

const ARCHITECTURE = "controlvector";

/** A control vector as interventions. */
export interface ControlVector {
  /** One `add` at `blocks.{layer}.resid_post` for each direction, in the order of the file. */
  readonly set: InterventionSet;
  /** The kind of network it was made for, as its maker calls it, such as `mistral`; undefined where the file does not say it. */
  readonly modelHint: string | undefined;
}

/**
 * Reads a control vector.
 *
 * `direction.N` is added to the output of block N, counted from 0. Both llama.cpp and repeng count so, and neither has a direction for
 * block 0.
 *
 * @param bytes - the whole file
 * @param name - what errors call the file
 * @throws PatchClampError `BAD_FILE` when the file is damaged, holds anything but float32 directions of one width, or holds a network
 * @source llama.cpp, `common_control_vector_load` and `llama_adapter_cvec::apply`; repeng 0.4.0, `ControlVector.export_gguf`
 */
export async function readControlVector(
  bytes: Uint8Array,
  name = "the file",
): Promise<ControlVector> {
  const files = memoryFiles({ [name]: bytes });
  const { metadata, tensors } = await readGgufHeader(files, name);
  const broken = (problem: string): PatchClampError =>
    new PatchClampError("BAD_FILE", {
      where: "readControlVector",
      problem: `${name} ${problem}`,
      facts: { name },
    });
  const architecture = metadata.get("general.architecture") ?? ARCHITECTURE;
  if (architecture !== ARCHITECTURE) {
    throw broken(`holds a network of the kind ${String(architecture)}, not a control vector.`);
  }
  if (tensors.size === 0) throw broken("holds no directions.");
  const width = [...tensors.values()][0]!.size;
  const interventions: Intervention[] = [];
  for (const tensor of tensors.values()) {
    const layer = layerOf(tensor, width, broken);
    const stored = decode("F32", await files.readRange(name, tensor.begin, tensor.end));
    const vector = { shape: [width], data: Float32Array.from(stored as Float32Array) };
    const odd = vector.data.find((x) => !Number.isFinite(x));
    if (odd !== undefined) throw broken(`holds ${odd} in "${tensor.name}".`);
    interventions.push({ kind: "add", site: `blocks.${layer}.resid_post`, vector, scale: 1 });
  }
  const hint = metadata.get(`${ARCHITECTURE}.model_hint`);
  return {
    set: interventionSet({ interventions }),
    modelHint: typeof hint === "string" ? hint : undefined,
  };
}

function layerOf(
  { name, type, shape }: GgufTensor,
  width: number,
  broken: (problem: string) => PatchClampError,
): number {
  const layer = /^direction\.([1-9]\d{0,5})$/.exec(name)?.[1];
  if (layer === undefined) {
    throw broken(`holds a tensor "${name}", which is no direction of a layer from 1 on.`);
  }
  if (type.name !== "F32") throw broken(`holds "${name}" as ${type.name}, not as F32.`);
  if (shape.length !== 1 || shape[0] !== width) {
    throw broken(`holds "${name}" of shape [${shape.join(", ")}], not [${width}].`);
  }
  return Number(layer);
}

/** Options of `writeControlVector`. */
export interface WriteControlVectorOptions {
  /** The kind of network it is for, as `model_type` of its config.json. Default: what the set was made for, or "unknown". */
  readonly modelHint?: string | undefined;
}

/**
 * Writes interventions as a control vector, byte for byte as repeng does.
 *
 * @param set - holds nothing but `add` at `blocks.{i}.resid_post`, from block 1 on, at all places; several of one block are summed
 * @returns the whole GGUF file
 * @throws PatchClampError `UNSUPPORTED` naming what a control vector cannot hold
 */
export function writeControlVector(
  given: InterventionSetInput,
  options: WriteControlVectorOptions = {},
): Uint8Array {
  const set = interventionSet(given);
  const { modelHint = set.madeFor?.network ?? "unknown" } = options;
  const directions = new Map<number, Float32Array>();
  for (const one of set.interventions) {
    const { layer, vector, scale } = directionOf(one);
    const scaled = vector.data.map((x) => x * scale);
    const before = directions.get(layer);
    if (before !== undefined && before.length !== scaled.length) {
      throw refused(one, `it has ${scaled.length} numbers, and another one has ${before.length}`);
    }
    directions.set(layer, before === undefined ? scaled : before.map((x, i) => x + scaled[i]!));
  }
  return writeGguf(
    {
      "general.architecture": ARCHITECTURE,
      [`${ARCHITECTURE}.model_hint`]: modelHint,
      [`${ARCHITECTURE}.layer_count`]: directions.size,
    },
    [...directions].map(([layer, data]) => [`direction.${layer}`, { shape: [data.length], data }]),
  );
}

function directionOf(one: Intervention): { layer: number; vector: Numbers; scale: number } {
  const layer = /^blocks\.(\d+)\.resid_post$/.exec(one.site)?.[1];
  if (one.kind !== "add") throw refused(one, "it does something else than add");
  if (layer === undefined) throw refused(one, "its site is not the output of a block");
  if (Number(layer) === 0) throw refused(one, "control vectors leave block 0 alone");
  if (one.at !== undefined || one.when !== undefined) {
    throw refused(one, "it applies at some places or times, not at all");
  }
  if (one.vector.shape.length !== 1) throw refused(one, "its vector has several axes");
  return { layer: Number(layer), vector: one.vector, scale: one.scale };
}

function refused({ kind, site }: Intervention, problem: string): PatchClampError {
  return new PatchClampError("UNSUPPORTED", {
    where: "writeControlVector",
    problem: `a control vector cannot hold "${kind}" at "${site}": ${problem}.`,
    fix: "save the set as a PatchClamp file, which holds all of it.",
    facts: { kind, site },
  });
}
