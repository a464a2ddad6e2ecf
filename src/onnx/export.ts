// A traced function as an ONNX model whose sizes are open. Traces have concrete shapes, so the function is traced at three choices of sizes:
// what is the same in all stays; a whole number that differs is found as a product or a sum of sizes, and computed where the model runs.

import { PatchClampError } from "../core/errors.ts";
import type { Graph } from "../tensor/graph.ts";
import type { Device } from "../tensor/op.ts";
import { ONNX_TYPE } from "../tensor/ops/cast.ts";
import type { Tensor, TypedArray } from "../tensor/tensor.ts";
import { graphParts, OPSETS } from "./emit.ts";
import type { GraphParts } from "./emit.ts";
import type { InitializerForm, NodeForm, PortForm } from "./proto.ts";
import { encodeModel } from "./proto.ts";
import { solveSize } from "./sizes.ts";
import type { Size, Sizes } from "./sizes.ts";

/** The function, traced at some sizes. */
export interface SizedTrace {
  readonly sizes: Sizes;
  readonly graph: Graph;
  /** The function's arguments by their names in the model. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Names of the graph's outputs in the model. */
  readonly outputs: readonly string[];
}

/** Options of `exportGraph`. */
export interface ExportOptions {
  /** The public function that errors name. */
  readonly where: string;
  /** Names of weights; others are numbered. */
  readonly weights: ReadonlyMap<Tensor, string>;
  /** Where the model will run, for kernels that not all devices have. Default `cpu`. */
  readonly device?: Device;
}

/**
 * Writes a function as an ONNX model with open sizes.
 *
 * @param traces - three or more, at sizes that are large, different primes: a number that differs must say of which sizes it is made
 * @returns the bytes of the model, its weights among them
 * @throws PatchClampError `UNSUPPORTED` when what is computed depends on sizes in another way than the numbers of shapes do
 */
export async function exportGraph(
  traces: readonly SizedTrace[],
  options: ExportOptions,
): Promise<Uint8Array> {
  const { where, weights, device = "cpu" } = options;
  const named = traces.map((trace) => namedInputs(trace, weights));
  const parts = traces.map(({ graph }, i) => graphParts(graph, named[i]!.names, device));
  checkAlike(where, parts);
  const sizes = traces.map((trace) => trace.sizes);
  const making = new SizeNodes(traces[0]!);
  const constants: InitializerForm[] = [];
  for (const [i, constant] of parts[0]!.constants.entries()) {
    const all = parts.map((own) => own.constants[i]!);
    if (isSame(all.map(({ bytes }) => bytes))) constants.push(await withBytes(constant, parts[0]!));
    else making.define(constant.name, sizesOf(where, all, sizes));
  }
  const read = new Set([...parts[0]!.nodes.flatMap((node) => node.inputs), ...parts[0]!.outputs]);
  for (const [i, { leaf, name }] of named[0]!.data.entries()) {
    if (!read.has(name)) continue; // it lies in the graph under another name
    const leaves = named.map((own) => own.data[i]!.leaf);
    const data = await Promise.all([...new Set(leaves)].map(async (own) => own.value!.read()));
    if (isSame(data.map(bytesOf))) constants.push(initializer(name, leaf, data[0]!));
    else making.count(name, leaf.dtype, countOf(where, data, sizes));
  }
  const [first] = traces;
  const outputs = first!.outputs.map((name, i) => {
    const shapes = traces.map(({ graph }) => graph.outputs[i]!.shape);
    return { ...port(name, first!.graph.outputs[i]!), shape: openShape(shapes, sizes) };
  });
  const inputs = [...first!.inputs].map(([name, tensor]) => {
    const shapes = traces.map((trace) => trace.inputs.get(name)!.shape);
    return { ...port(name, tensor), shape: openShape(shapes, sizes) };
  });
  return encodeModel({
    opsets: OPSETS,
    nodes: [...making.nodes, ...renamed(parts[0]!, first!.outputs)],
    initializers: [...making.constants, ...constants],
    inputs,
    outputs,
  });
}

interface NamedInputs {
  readonly names: ReadonlyMap<Tensor, string>;
  /** Leaves that hold data. */
  readonly data: readonly { readonly leaf: Tensor; readonly name: string }[];
}

function namedInputs(
  { graph, inputs }: SizedTrace,
  weights: ReadonlyMap<Tensor, string>,
): NamedInputs {
  const names = new Map([...inputs].map(([name, tensor]) => [tensor, name]));
  const data: { leaf: Tensor; name: string }[] = [];
  for (const leaf of graph.inputs) {
    if (names.has(leaf)) continue;
    const name = weights.get(leaf) ?? `data.${data.length}`;
    names.set(leaf, name);
    if (leaf.value !== undefined) data.push({ leaf, name });
  }
  return { names, data };
}

/** Refuses traces that do other things at other sizes. */
function checkAlike(where: string, [first, ...others]: readonly GraphParts[]): void {
  const form = ({ nodes, constants }: GraphParts): string =>
    JSON.stringify([
      nodes.map(({ opType, inputs, outputs, attrs }) => [opType, inputs, outputs, attrs]),
      constants.map(({ name, onnxType, shape }) => [name, onnxType, shape]),
    ]);
  const wanted = form(first!);
  if (others.every((own) => form(own) === wanted)) return;
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: "the network computes otherwise at other lengths, so no one graph serves all.",
    fix: "export it at fixed sizes, or leave out what looks at sizes.",
  });
}

/** The sizes that a constant of whole numbers is made of. */
function sizesOf(
  where: string,
  constants: readonly InitializerForm[],
  sizes: readonly Sizes[],
): Size[] {
  const [{ onnxType, bytes }] = constants as [InitializerForm];
  if (onnxType !== ONNX_TYPE.int64 || bytes === "external") throw tangled(where);
  const lists = constants.map((own) => wholes(own.bytes as Uint8Array));
  return lists[0]!.map((_, i) =>
    solved(
      where,
      lists.map((list) => list[i]!),
      sizes,
    ),
  );
}

/** How far data counts, which is 0, 1, 2 ... up to a size. */
function countOf(where: string, data: readonly TypedArray[], sizes: readonly Sizes[]): Size {
  const isCount = data.every((own) => Array.prototype.every.call(own, (x, i) => Number(x) === i));
  if (!isCount) throw tangled(where);
  return solved(
    where,
    data.map(({ length }) => length),
    sizes,
  );
}

function solved(where: string, values: readonly number[], sizes: readonly Sizes[]): Size {
  const found = solveSize(values, sizes);
  if (found === undefined) throw tangled(where);
  return found;
}

function tangled(where: string): PatchClampError {
  return new PatchClampError("UNSUPPORTED", {
    where,
    problem:
      "a number of the graph depends on the length of the text in a way that is not written down.",
    fix: "export it at fixed sizes.",
  });
}

function openShape(
  shapes: readonly (readonly number[])[],
  sizes: readonly Sizes[],
): (number | string)[] {
  return shapes[0]!.map((_, axis) => {
    const found = solveSize(
      shapes.map((shape) => shape[axis]!),
      sizes,
    );
    return found === undefined ? `size_${axis}` : titleOf(found);
  });
}

function titleOf({ factor, names, sum, plus }: Size): number | string {
  if (names.length === 0) return factor;
  const text = names.join(sum ? " + " : " * ");
  const times = factor === 1 ? text : `${factor} * ${text}`;
  return plus === 0 ? times : `${times} + ${plus}`;
}

/** Nodes that compute sizes where the model runs. */
class SizeNodes {
  readonly nodes: NodeForm[] = [];
  readonly constants: InitializerForm[] = [];
  readonly #known = new Map<string, string>();
  readonly #trace: SizedTrace;

  constructor(trace: SizedTrace) {
    this.#trace = trace;
  }

  /** Makes the constant of that name: a list of sizes. */
  define(name: string, sizes: readonly Size[]): void {
    const parts = sizes.map((size) => this.#one(size));
    this.#node("Concat", parts, { axis: 0 }, name);
  }

  /** Makes 0, 1, 2 ... up to a size. */
  count(name: string, dtype: Tensor["dtype"], size: Size): void {
    const scalar = (of: string): string => this.#node("Reshape", [of, this.#constant([], [0])], {});
    const range = [
      scalar(this.#constant([0])),
      scalar(this.#one(size)),
      scalar(this.#constant([1])),
    ];
    this.#node("Cast", [this.#node("Range", range, {})], { to: ONNX_TYPE[dtype] }, name);
  }

  /** The name of a list of one number. */
  #one({ factor, names, sum, plus }: Size): string {
    if (names.length === 0) return this.#constant([factor]);
    const joined = names.map((name) => this.#size(name));
    const all = joined.reduce((x, y) => this.#node(sum ? "Add" : "Mul", [x, y], {}));
    const times = factor === 1 ? all : this.#node("Mul", [all, this.#constant([factor])], {});
    return plus === 0 ? times : this.#node("Add", [times, this.#constant([plus])], {});
  }

  /** A size as it is when the model runs, read off an input that has it. */
  #size(name: string): string {
    for (const [input, { shape }] of this.#trace.inputs) {
      const axis = shape.indexOf(this.#trace.sizes[name]!);
      if (axis < 0) continue;
      const whole = this.#node("Shape", [input], {});
      const bounds = [this.#constant([axis]), this.#constant([axis + 1])];
      return this.#node("Slice", [whole, ...bounds], {});
    }
    throw new Error(`no input has the size ${name}`);
  }

  #constant(numbers: readonly number[], shape: readonly number[] = [numbers.length]): string {
    const key = `constant ${numbers.join()}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const name = `size.c${this.constants.length}`;
    const bytes = new Uint8Array(BigInt64Array.from(numbers, BigInt).buffer);
    this.constants.push({ name, onnxType: ONNX_TYPE.int64, shape, bytes });
    this.#known.set(key, name);
    return name;
  }

  /** Adds a node, or finds the one that computes the same. */
  #node(
    opType: string,
    inputs: readonly string[],
    attrs: NodeForm["attrs"],
    output?: string,
  ): string {
    const key = JSON.stringify([opType, inputs, attrs]);
    const known = this.#known.get(key);
    if (known !== undefined && output === undefined) return known;
    const name = output ?? `size.${this.nodes.length}`;
    this.nodes.push({ name, opType, domain: "", inputs, outputs: [name], attrs });
    this.#known.set(key, name);
    return name;
  }
}

/** The nodes, with the model's names for what they give out. */
function renamed({ nodes, outputs }: GraphParts, names: readonly string[]): NodeForm[] {
  const given = new Map(outputs.map((own, i) => [own, names[i]!]));
  const titled = (name: string): string => given.get(name) ?? name;
  return nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(titled),
    outputs: node.outputs.map(titled),
  }));
}

async function withBytes(
  constant: InitializerForm,
  { baked }: GraphParts,
): Promise<InitializerForm> {
  const leaf = baked.get(constant.name);
  return leaf === undefined ? constant : { ...constant, bytes: bytesOf(await leaf.value!.read()) };
}

function initializer(name: string, { dtype, shape }: Tensor, data: TypedArray): InitializerForm {
  return { name, onnxType: ONNX_TYPE[dtype], shape, bytes: bytesOf(data) };
}

function port(name: string, { dtype, shape }: Tensor): PortForm {
  return { name, onnxType: ONNX_TYPE[dtype], shape };
}

function bytesOf({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function wholes(bytes: Uint8Array): number[] {
  const { buffer } = bytes.slice();
  return Array.from(new BigInt64Array(buffer), Number);
}

function isSame(all: readonly (Uint8Array | "external")[]): boolean {
  const [first] = all;
  return all.every(
    (own) =>
      own === first ||
      (own.length === first!.length && Array.prototype.every.call(own, (x, i) => x === first![i])),
  );
}
