// A traced function as an ONNX model whose sizes are open. Traces have concrete shapes, so the function is traced at three choices of sizes:
// what is the same in all stays; a whole number that differs is found as a product or a sum of sizes, and computed where the model runs.

import { PatchClampError } from "../core/errors.ts";
import type { Graph } from "../tensor/graph.ts";
import type { Device } from "../tensor/op.ts";
import { ONNX_TYPE } from "../tensor/ops/cast.ts";
import type { Tensor, TypedArray } from "../tensor/tensor.ts";
import { bytesOf, sizeOf } from "../tensor/tensor.ts";
import { graphParts, OPSETS } from "./emit.ts";
import type { GraphParts } from "./emit.ts";
import type { InitializerForm, NodeForm, PortForm } from "./proto.ts";
import { SizeNodes } from "./size-nodes.ts";
import type { OpenConstant } from "./size-nodes.ts";
import { solveSize } from "./sizes.ts";
import type { Size, Sizes } from "./sizes.ts";
import type { LateConstant, UnwrittenModel } from "./write.ts";

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
 * Makes an ONNX model with open sizes of a function.
 *
 * @param traces - three or more, at sizes that are different primes: a number that differs must say of which sizes it is made
 * @throws PatchClampError `UNSUPPORTED` when what is computed depends on sizes in another way than the numbers of shapes do
 */
export async function exportGraph(
  traces: readonly SizedTrace[],
  options: ExportOptions,
): Promise<UnwrittenModel> {
  const { where, weights, device = "cpu" } = options;
  const named = traces.map((trace) => namedInputs(trace, weights));
  const parts = traces.map(({ graph }, i) => graphParts(graph, named[i]!.names, device));
  checkAlike(where, parts);
  const [first, [part]] = [traces[0]!, parts as [GraphParts]];
  const sizes = traces.map((trace) => trace.sizes);
  const making = new SizeNodes(first.inputs, first.sizes);
  const held = await heldBy(where, { parts, named, sizes }, making);
  const ports = (
    names: Iterable<string>,
    find: (name: string, trace: number) => Tensor,
  ): PortForm[] =>
    [...names].map((name) => {
      const all = traces.map((_, i) => find(name, i));
      return openPort(name, all, sizes);
    });
  const given = new Set(part.outputs);
  const between = [...part.values.keys()].filter((name) => !given.has(name));
  return {
    form: {
      opsets: OPSETS,
      nodes: [...making.nodes, ...renamed(part, first.outputs)],
      initializers: [...making.constants, ...held.constants],
      inputs: ports(first.inputs.keys(), (name, i) => traces[i]!.inputs.get(name)!),
      outputs: ports(first.outputs, (name, i) => {
        const { graph, outputs } = traces[i]!;
        return graph.outputs[outputs.indexOf(name)]!;
      }),
      values: ports(between, (name, i) => parts[i]!.values.get(name)!),
    },
    weights: held.late,
  };
}

/** The graphs of all traces. */
interface Traced {
  readonly parts: readonly GraphParts[];
  readonly named: readonly NamedInputs[];
  readonly sizes: readonly Sizes[];
}

/** What the model holds; numbers that differ from size to size are made where it runs. */
async function heldBy(
  where: string,
  { parts, named, sizes }: Traced,
  making: SizeNodes,
): Promise<{ readonly constants: InitializerForm[]; readonly late: LateConstant[] }> {
  const [part] = parts as [GraphParts];
  const constants: InitializerForm[] = [];
  const late: LateConstant[] = [...part.baked].map(([name, leaf]) => lateConstant(name, leaf));
  for (const [i, constant] of part.constants.entries()) {
    if (constant.bytes === "external") continue;
    const all = parts.map((own) => own.constants[i]!);
    if (isSameConstant(all)) constants.push(constant);
    else making.make(constant.name, openConstant(where, all, sizes));
  }
  const read = new Set([...part.nodes.flatMap((node) => node.inputs), ...part.outputs]);
  for (const [i, { leaf, name }] of named[0]!.data.entries()) {
    if (!read.has(name) || part.baked.has(name)) continue;
    const leaves = named.map((own) => own.data[i]!.leaf);
    if (leaves.every((own) => own === leaf)) {
      late.push(lateConstant(name, leaf));
      continue;
    }
    const data = await Promise.all(leaves.map((own) => own.value!.read()));
    const { dtype, shape } = leaf;
    const bytes = data.map(rawBytes);
    if (isSame(bytes))
      constants.push({ name, onnxType: ONNX_TYPE[dtype], shape, bytes: bytes[0]! });
    else making.count(name, dtype, countOf(where, data, sizes));
  }
  return { constants, late };
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
      constants.map(({ name, onnxType, shape }) => [name, onnxType, shape.length]),
    ]);
  const wanted = form(first!);
  if (others.every((own) => form(own) === wanted)) return;
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: "the network computes otherwise at other lengths, so no one graph serves all.",
    fix: "export it at fixed sizes, or leave out what looks at sizes.",
  });
}

function openConstant(
  where: string,
  constants: readonly InitializerForm[],
  sizes: readonly Sizes[],
): OpenConstant {
  const [{ onnxType }] = constants as [InitializerForm];
  if (onnxType !== ONNX_TYPE.int64) throw tangled(where);
  const lists = constants.map((own) => wholes(own.bytes as Uint8Array));
  const solvedList = (all: readonly (readonly number[])[]): Size[] =>
    all[0]!.map((_, i) =>
      solved(
        where,
        all.map((own) => own[i]!),
        sizes,
      ),
    );
  const isList = constants.every(({ shape }) => shape.join() === constants[0]!.shape.join());
  return isList
    ? { kind: "sizes", sizes: solvedList(lists) }
    : {
        kind: "count",
        to: countOf(where, lists, sizes),
        shape: solvedList(constants.map(({ shape }) => shape)),
      };
}

/** How far data counts, which is 0, 1, 2 ... up to a size. */
function countOf(
  where: string,
  data: readonly ArrayLike<number | bigint>[],
  sizes: readonly Sizes[],
): Size {
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

/** @param all - the value at each choice of sizes */
function openPort(name: string, all: readonly Tensor[], sizes: readonly Sizes[]): PortForm {
  const [{ dtype, shape }] = all as [Tensor];
  const open = shape.map((_, axis) => {
    const found = solveSize(
      all.map((own) => own.shape[axis]!),
      sizes,
    );
    return found === undefined ? "" : titleOf(found);
  });
  return { name, onnxType: ONNX_TYPE[dtype], shape: open };
}

function titleOf({ factor, names, sum, plus }: Size): number | string {
  if (names.length === 0) return factor;
  const text = names.join(sum ? " + " : " * ");
  const times = factor === 1 ? text : `${factor} * ${text}`;
  return plus === 0 ? times : `${times} + ${plus}`;
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

function lateConstant(name: string, leaf: Tensor): LateConstant {
  const { dtype, shape } = leaf;
  const value = leaf.value!;
  return {
    name,
    onnxType: ONNX_TYPE[dtype],
    shape,
    size: bytesOf(leaf),
    // a part, even if it is all, is not kept in memory by who read it
    read: async () => rawBytes(await (value.readPart?.([0, sizeOf(shape)]) ?? value.read())),
  };
}

function rawBytes({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function wholes(bytes: Uint8Array): number[] {
  const { buffer } = bytes.slice();
  return Array.from(new BigInt64Array(buffer), Number);
}

function isSameConstant(all: readonly InitializerForm[]): boolean {
  return (
    all.every(({ shape }) => shape.join() === all[0]!.shape.join()) &&
    isSame(all.map(({ bytes }) => bytes as Uint8Array))
  );
}

function isSame([first, ...others]: readonly Uint8Array[]): boolean {
  return others.every(
    (own) => own.length === first!.length && own.every((byte, i) => byte === first![i]),
  );
}
