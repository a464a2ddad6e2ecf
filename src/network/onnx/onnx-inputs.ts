// What an ONNX model is given: tensors by the names of its inputs, those left out that follow from others, and an example.

import { PatchClampError } from "../../core/errors.ts";
import { nearest } from "../../core/text.ts";
import { heldAs } from "../../onnx/import/data.ts";
import type { OnnxModel, OnnxValue } from "../../onnx/model.ts";
import { full, tensor } from "../../runtime/index.ts";
import type { Nested, Tensor } from "../../runtime/index.ts";
import type { DType } from "../../tensor/tensor.ts";
import type { Inputs } from "../network.ts";

/** Tensors or nested lists of numbers, by the names of a model's inputs. */
export type OnnxInput = Readonly<Record<string, Tensor | Nested>>;

/** An input as the file declares it. */
export interface OnnxPort {
  readonly name: string;
  readonly dtype: DType;
  /** Sizes; a text is a size with a name, null one without. Undefined where the rank is not known. */
  readonly shape: OnnxValue["shape"];
}

/**
 * The inputs that a caller gives: those of the graph that are no constants.
 *
 * @throws PatchClampError `UNSUPPORTED` when one is no tensor, or of a type that is not computed here
 */
export function portsOf(where: string, { graph }: OnnxModel): OnnxPort[] {
  const constants = new Set(graph.initializers.map(({ name }) => name));
  return graph.inputs
    .filter(({ name }) => !constants.has(name))
    .map(({ name, type, shape }) => {
      if (type === undefined) {
        throw new PatchClampError("UNSUPPORTED", {
          where,
          problem: `the input "${name}" is no tensor.`,
        });
      }
      return { name, dtype: heldAs(where, type, `the input "${name}"`), shape };
    });
}

/**
 * The tensors that a model takes.
 *
 * Of the inputs that text models have, all but the tokens may be left out: the mask is then 1 everywhere, token types are 0,
 * positions count from 0, and nothing is past.
 *
 * @throws PatchClampError `BAD_INPUT` when one is missing or no input of the model has its name, `SHAPE_MISMATCH` when its shape is not
 * the one declared
 */
export function preparedInputs(
  network: string,
  ports: readonly OnnxPort[],
  given: OnnxInput,
): Inputs {
  const taken = ports.filter(({ name }) => name !== SWITCH);
  const names = taken.map(({ name }) => name);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const near = nearest(unknown, names);
    throw new PatchClampError("BAD_INPUT", {
      where: network,
      problem: `the model has no input "${unknown}"; it has ${names.map((name) => `"${name}"`).join(", ")}.`,
      ...(near[0] === undefined ? {} : { fix: `use "${near[0]}".` }),
    });
  }
  const inputs: Record<string, Tensor> = {};
  for (const port of taken) {
    const own = given[port.name];
    if (own === undefined) continue;
    inputs[port.name] = typed(own, port.dtype);
    checkShape(network, port, inputs[port.name]!.shape);
  }
  for (const port of taken) inputs[port.name] ??= followed(network, port, inputs);
  return inputs;
}

function typed(given: Tensor | Nested, dtype: DType): Tensor {
  const x = isTensor(given) ? given : tensor(given, { dtype });
  return x.dtype === dtype ? x : x.cast(dtype);
}

function isTensor(given: Tensor | Nested): given is Tensor {
  return typeof given === "object" && "dtype" in given;
}

function checkShape(network: string, { name, shape }: OnnxPort, got: readonly number[]): void {
  if (shape === undefined) return;
  const fits =
    shape.length === got.length &&
    shape.every((size, i) => typeof size !== "number" || size === got[i]);
  if (fits) return;
  const declared = shape.map((size) => size ?? "?").join(", ");
  throw new PatchClampError("SHAPE_MISMATCH", {
    where: network,
    problem: `the input "${name}" is [${got.join(", ")}], and the model takes [${declared}].`,
    facts: { name, shape: got },
  });
}

/** Which inputs are what in text models: by the ends of the names that transformers gives them. */
const TOKENS = /(?:input_ids|inputs_embeds)$/;
const MASK = /attention_mask$/;
const PAST = /^past|cache(?:_|\b)/;
const SWITCH = "use_cache_branch";

/** An input that follows from the others. */
function followed(network: string, port: OnnxPort, inputs: Inputs): Tensor {
  const { name, dtype, shape } = port;
  const tokens = Object.entries(inputs).find(([own]) => TOKENS.test(own) && sharesSide(own, name));
  const [batch, pos] = tokens?.[1].shape ?? [];
  if (batch !== undefined && pos !== undefined) {
    const past = pastLength(inputs);
    if (MASK.test(name)) return full([batch, pos + past], 1, dtype);
    if (name.endsWith("token_type_ids")) return full([batch, pos], 0, dtype);
    if (name.endsWith("position_ids")) {
      const row = Array.from({ length: pos }, (_, i) => past + i);
      return tensor(
        Array.from({ length: batch }, () => row),
        { dtype },
      );
    }
    // nothing is past: an axis of that name is empty
    if (PAST.test(name) && shape !== undefined) {
      const sizes = shape.map((size, axis) =>
        typeof size === "number" ? size : axis === 0 ? batch : 0,
      );
      return full(sizes, 0, dtype);
    }
  }
  throw new PatchClampError("BAD_INPUT", {
    where: network,
    problem: `the input "${name}" is missing.`,
    fix: `give it, as ${dtype}${shape === undefined ? "" : ` of shape [${shape.map((size) => size ?? "?").join(", ")}]`}.`,
  });
}

/** Whether two inputs speak of the same text, that of the decoder or that of the encoder. */
function sharesSide(a: string, b: string): boolean {
  return PAST.test(b) || a.startsWith("decoder_") === b.startsWith("decoder_");
}

/** Tokens that were read before: [batch, head, past, size] as transformers keeps them. */
function pastLength(inputs: Inputs): number {
  const past = Object.entries(inputs).find(([name, x]) => PAST.test(name) && x.rank === 4);
  return past?.[1].shape[2] ?? 0;
}

/** Inputs that say which of two branches is taken, which follows from whether there is a past and so from shapes. */
export function switchedInputs(ports: readonly OnnxPort[], inputs: Inputs): [string, Tensor][] {
  return ports
    .filter(({ name }) => name === SWITCH)
    .map(({ name, dtype }) => [name, full([1], pastLength(inputs) > 0 ? 1 : 0, dtype)]);
}

/** Tokens of an example text, pixels of an example image in either direction, samples of an example sound: a second. */
const [EXAMPLE_LENGTH, EXAMPLE_PIXELS, EXAMPLE_SAMPLES] = [5, 224, 16_000];

/** A small input on which sites can be listed. */
export function exampleInput(ports: readonly OnnxPort[]): OnnxInput {
  const hasTokens = ports.some(({ name }) => TOKENS.test(name));
  return Object.fromEntries(
    ports.flatMap(({ name, dtype, shape }) => {
      if (name === SWITCH || (hasTokens && follows(name))) return [];
      const sizes = (shape ?? []).map((size, axis) =>
        exampleSize(size, axis, { rank: shape!.length, isText: hasTokens || dtype !== "float32" }),
      );
      return [[name, full(sizes, 0, dtype)]];
    }),
  );
}

function follows(name: string): boolean {
  return MASK.test(name) || PAST.test(name) || /(?:token_type|position)_ids$/.test(name);
}

function exampleSize(
  size: number | string | null,
  axis: number,
  { rank, isText }: { readonly rank: number; readonly isText: boolean },
): number {
  if (typeof size === "number") return size;
  if (axis === 0) return 1;
  if (rank === 4) return axis === 1 ? 3 : EXAMPLE_PIXELS;
  return rank === 2 && !isText ? EXAMPLE_SAMPLES : EXAMPLE_LENGTH;
}
