// Writes a traced graph down as an ONNX model.

import { PatchClampError } from "../core/errors.ts";
import type { Graph } from "../tensor/graph.ts";
import { bakedLeaves } from "../tensor/graph.ts";
import type { Device, LowerContext, ScanForm, ValueRef } from "../tensor/op.ts";
import { ONNX_TYPE } from "../tensor/ops/cast.ts";
import type { Node, Tensor } from "../tensor/tensor.ts";
import type { InitializerForm, NodeForm, PortForm } from "./proto.ts";
import { encodeModel } from "./proto.ts";

/** Operator sets of what is written: the newest of ONNX's own whose kernels WebGPU covers best. */
export const OPSETS = { "": 21, "com.microsoft": 1 } as const;

/** A graph as an ONNX model. */
export interface Emitted {
  readonly bytes: Uint8Array;
  /** Names of the model's inputs, in the graph's order; undefined for one that is only baked. */
  readonly inputs: readonly (string | undefined)[];
  /** Leaves that the model holds, by the names under which the session's `externalData` gives their bytes. */
  readonly baked: ReadonlyMap<string, Tensor>;
  /** The model's outputs, in the graph's order, with the shapes they have in the model. */
  readonly outputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** For every ONNX node name the position of its node in the graph, to explain failures. */
  readonly positions: ReadonlyMap<string, number>;
}

/** Name of the extra first output that `withSequence` declares. */
export const SEQUENCE_OUTPUT = "sequence";

/** Options of `emitGraph`. */
export interface EmitOptions {
  /** Where the model will run. */
  readonly device: Device;
  /** Declares an empty sequence as the first output (see `runtime/run-into.ts`). */
  readonly withSequence?: boolean;
  /**
   * Where a graph output is another view of a value, makes the value itself the model's output, because reshaping an
   * output copies it: the numbers and their order are the same, the shape is that of the value. Default false.
   */
  readonly outputsWholes?: boolean;
  /** Whether what ops ask to have baked is; otherwise it is an input like others. Default false. */
  readonly bakes?: boolean;
}

/** Writes a traced graph down as an ONNX model. */
export function emitGraph(graph: Graph, options: EmitOptions): Emitted {
  const { device, withSequence = false, outputsWholes = false, bakes = false } = options;
  const baked = bakes ? bakedLeaves(graph) : new Map<Tensor, { isInput: boolean }>();
  const writer = new Writer(device, baked);
  for (const [i, input] of graph.inputs.entries()) writer.define(input, { onnxName: `in${i}` });
  writer.read(graph);
  for (const [i, node] of graph.nodes.entries()) writer.lower(node, i);
  const names = graph.inputs.map((input, i) =>
    baked.get(input)?.isInput === false ? undefined : `in${i}`,
  );
  const inputs = graph.inputs.flatMap((input, i) => (names[i] ? port(names[i], input) : []));
  const taken = new Set(inputs.map(({ name }) => name));
  const outputs = graph.outputs.map((output) => {
    const { onnxName } = writer.find(output);
    const whole = outputsWholes ? writer.wholeOf(onnxName) : undefined;
    const isFree = whole !== undefined && !taken.has(whole.name);
    const name = isFree ? whole.name : taken.has(onnxName) ? writer.copy(onnxName) : onnxName;
    taken.add(name);
    return { ...port(name, output), shape: isFree ? whole.shape : output.shape };
  });
  if (withSequence) writer.emptySequence();
  const sequence: PortForm[] = withSequence
    ? [{ name: SEQUENCE_OUTPUT, onnxType: ONNX_TYPE.float32, shape: "sequence" }]
    : [];
  return {
    bytes: encodeModel({
      opsets: OPSETS,
      nodes: withoutUnread(writer.nodes, outputs),
      initializers: [...writer.initializers.values()],
      inputs,
      outputs: [...sequence, ...outputs],
    }),
    inputs: names,
    baked: writer.baked,
    outputs,
    positions: writer.positions,
  };
}

/** A graph as ONNX nodes and constants, for who writes the model around them. */
export interface GraphParts {
  readonly nodes: readonly NodeForm[];
  readonly constants: readonly InitializerForm[];
  /** Leaves whose bytes lie beside the model, by the names of their constants. */
  readonly baked: ReadonlyMap<string, Tensor>;
  /** Names of the graph's outputs. */
  readonly outputs: readonly string[];
  /** What the graph's own nodes give, by name; not what stands between, where one of them takes several ONNX nodes. */
  readonly values: ReadonlyMap<string, Tensor>;
}

/**
 * Writes the nodes of a graph.
 *
 * @param names - of the graph's inputs
 */
export function graphParts(
  graph: Graph,
  names: ReadonlyMap<Tensor, string>,
  device: Device,
): GraphParts {
  const writer = new Writer(device, bakedLeaves(graph), names);
  for (const input of graph.inputs) writer.define(input, { onnxName: names.get(input)! });
  writer.read(graph);
  for (const [i, node] of graph.nodes.entries()) writer.lower(node, i);
  const taken = new Set(names.values());
  const outputs = graph.outputs.map((output) => {
    const { onnxName } = writer.find(output);
    const name = taken.has(onnxName) ? writer.copy(onnxName) : onnxName;
    taken.add(name);
    return name;
  });
  const constants = [...writer.initializers.values()];
  const values = new Map<string, Tensor>();
  for (const output of graph.nodes.flatMap((node) => node.outputs))
    values.set(writer.find(output).onnxName, output);
  return { nodes: writer.nodes, constants, baked: writer.baked, outputs, values };
}

function port(name: string, { shape, dtype }: Tensor): PortForm {
  return { name, onnxType: ONNX_TYPE[dtype], shape };
}

class Writer {
  nodes: NodeForm[] = [];
  readonly initializers = new Map<string, InitializerForm>();
  readonly baked = new Map<string, Tensor>();
  readonly positions = new Map<string, number>();
  readonly #device: Device;
  readonly #canBake: ReadonlyMap<Tensor, unknown>;
  readonly #names: ReadonlyMap<Tensor, string>;
  readonly #values = new Map<Tensor, ValueRef>();
  readonly #read = new Set<Tensor>();
  /** Views made so far, by what they are views of and their shape; those of a loop's body are seen there alone. */
  #views = new Map<string, ValueRef>();
  /** What a reshaped value is a view of. */
  readonly #wholes = new Map<
    string,
    { readonly name: string; readonly shape: readonly number[] }
  >();
  #label = "start";
  #position = 0;
  /** Nodes made so far, those of loop bodies too: no two values of a model share a name. */
  #count = 0;

  /** @param names - of leaves that are baked; others are called by their number */
  constructor(
    device: Device,
    canBake: ReadonlyMap<Tensor, unknown>,
    names: ReadonlyMap<Tensor, string> = new Map(),
  ) {
    this.#device = device;
    this.#canBake = canBake;
    this.#names = names;
  }

  /** Notes which values a graph reads. */
  read({ nodes, outputs }: Graph): void {
    for (const tensor of [...nodes.flatMap(({ inputs }) => inputs), ...outputs])
      this.#read.add(tensor);
  }

  define(tensor: Tensor, value: ValueRef): void {
    this.#values.set(tensor, value);
  }

  find(tensor: Tensor): ValueRef {
    return this.#values.get(tensor)!;
  }

  /** The value of which this one is a view, if it is one. */
  wholeOf(name: string): { readonly name: string; readonly shape: readonly number[] } | undefined {
    return this.#wholes.get(name);
  }

  /** Writes the ONNX nodes of one traced node. */
  lower(node: Node, position: number): void {
    this.#label = node.label ?? node.op.name;
    this.#position = position;
    const context: LowerContext = {
      inputs: node.inputs,
      outputs: node.outputs,
      isRead: (i) => this.#read.has(node.outputs[i]!),
      device: this.#device,
      emit: (opType, inputs, attrs = {}) => this.#emit(opType, inputs, attrs, 1)[0]!,
      emitMany: (opType, inputs, attrs, outputs) => this.#emit(opType, inputs, attrs, outputs),
      scan: (body, inputs, form) => this.#scan(body, inputs, form),
      reshape: (x, from, to) => this.#reshape(x, from, to),
      constant: (values, dtype, shape) => this.#constant(values, dtype, shape),
    };
    const baked = new Set(node.op.bakes?.(node.attrs));
    const results = node.op.lower(
      context,
      node.inputs.map((input, i) =>
        baked.has(i) && this.#canBake.has(input) ? this.#bake(input) : this.find(input),
      ),
      node.attrs,
    );
    for (const [i, output] of node.outputs.entries()) {
      const result = results[i];
      if (result === undefined) {
        throw new PatchClampError("RUNTIME_FAILED", {
          where: node.op.name,
          problem: `its lowering gave ${results.length} values for ${node.outputs.length} outputs.`,
        });
      }
      this.define(output, result);
    }
  }

  copy(name: string): string {
    const output = `copy${this.#count++}`;
    this.nodes.push({
      name: output,
      opType: "Identity",
      domain: "",
      inputs: [name],
      outputs: [output],
      attrs: {},
    });
    return output;
  }

  emptySequence(): void {
    const form = {
      name: SEQUENCE_OUTPUT,
      opType: "SequenceEmpty",
      domain: "",
      inputs: [],
      attrs: {},
    };
    this.nodes.push({ ...form, outputs: [SEQUENCE_OUTPUT] });
  }

  #emit(
    opType: string,
    inputs: readonly (ValueRef | null)[],
    attrs: NodeForm["attrs"],
    outputs: number,
  ): ValueRef[] {
    const id = this.#count++;
    const dot = opType.lastIndexOf(".");
    const refs = Array.from({ length: outputs }, (_, i) => ({ onnxName: `v${id}_${i}` }));
    const name = `${this.#label}#${id}`;
    this.positions.set(name, this.#position);
    this.nodes.push({
      name,
      opType: opType.slice(dot + 1),
      domain: opType.slice(0, Math.max(dot, 0)),
      inputs: inputs.map((input) => input?.onnxName ?? ""),
      outputs: refs.map(({ onnxName }) => onnxName),
      attrs,
    });
    return refs;
  }

  #scan(body: Graph, inputs: readonly ValueRef[], form: ScanForm): ValueRef[] {
    const { carried, sliced, isReverse } = form;
    const [outer, label, own] = [this.nodes, this.#label, carried + sliced];
    const views = this.#views;
    this.nodes = [];
    this.#views = new Map(views);
    for (const [i, input] of body.inputs.entries())
      this.define(input, i < own ? { onnxName: `s${this.#count++}` } : inputs[i]!);
    this.read(body);
    for (const node of body.nodes) this.lower(node, this.#position);
    // a body must make its results itself, and each only once
    const made = new Set(this.nodes.flatMap((node) => node.outputs));
    const outputs = body.outputs.map((output) => {
      const { onnxName } = this.find(output);
      return port(made.delete(onnxName) ? onnxName : this.copy(onnxName), output);
    });
    const ports = body.inputs.slice(0, own).map((x) => port(this.find(x).onnxName, x));
    const nodes = withoutUnread(this.nodes, outputs);
    const graph = { nodes, initializers: [], inputs: ports, outputs };
    [this.nodes, this.#label, this.#views] = [outer, label, views];
    const directions = (count: number): number[] => Array(count).fill(Number(isReverse));
    const attrs = {
      body: graph,
      num_scan_inputs: sliced,
      scan_input_directions: directions(sliced),
      scan_output_directions: directions(outputs.length - carried),
    };
    return this.#emit("Scan", inputs.slice(0, own), attrs, outputs.length);
  }

  /** A leaf as a constant whose bytes lie beside the model. */
  #bake(leaf: Tensor): ValueRef {
    const name = this.#names.get(leaf) ?? `leaf${leaf.node.id}`;
    const { shape, dtype } = leaf;
    this.baked.set(name, leaf);
    this.initializers.set(name, { name, onnxType: ONNX_TYPE[dtype], shape, bytes: "external" });
    return { onnxName: name };
  }

  /** A view of the value that `x` is a view of; each node costs the runtime some microseconds, so equal views are one. */
  #reshape(x: ValueRef, from: readonly number[], to: readonly number[]): ValueRef {
    const whole = this.#wholes.get(x.onnxName) ?? { name: x.onnxName, shape: from };
    if (whole.shape.join() === to.join()) return { onnxName: whole.name };
    const key = `${whole.name} ${to.join()}`;
    let view = this.#views.get(key);
    if (view === undefined) {
      // a size of 0 means 0, not that of the input
      const attrs: NodeForm["attrs"] = to.includes(0) ? { allowzero: 1 } : {};
      const inputs = [{ onnxName: whole.name }, this.#constant(to, "int64", [to.length])];
      [view] = this.#emit("Reshape", inputs, attrs, 1);
      this.#views.set(key, view!);
      this.#wholes.set(view!.onnxName, whole);
    }
    return view!;
  }

  /** Constants of equal content are stored once. */
  #constant(
    values: number | readonly number[],
    dtype: keyof typeof ONNX_TYPE,
    shape: readonly number[] = typeof values === "number" ? [] : [values.length],
  ): ValueRef {
    const list = typeof values === "number" ? [values] : values;
    const key = `${dtype}[${shape.join()}]${list.map((v) => (Object.is(v, -0) ? "-0" : v)).join()}`;
    let known = this.initializers.get(key);
    if (known === undefined) {
      const bytes = encodeNumbers(list, dtype);
      known = { name: `c${this.initializers.size}`, onnxType: ONNX_TYPE[dtype], shape, bytes };
      this.initializers.set(key, known);
    }
    return { onnxName: known.name };
  }
}

/** Nodes without the views that nobody reads, as a view of a view reads the value itself. */
function withoutUnread(
  nodes: readonly NodeForm[],
  outputs: readonly { readonly name: string }[],
): NodeForm[] {
  const read = new Set(outputs.map(({ name }) => name));
  const note = ({ inputs, attrs }: NodeForm): void => {
    for (const input of inputs) read.add(input);
    for (const value of Object.values(attrs)) {
      if (typeof value !== "object" || !("nodes" in value)) continue;
      value.nodes.forEach(note);
      for (const { name } of value.outputs) read.add(name);
    }
  };
  return nodes
    .toReversed()
    .filter((node) => {
      const isNeeded = node.opType !== "Reshape" || node.outputs.some((name) => read.has(name));
      if (isNeeded) note(node);
      return isNeeded;
    })
    .toReversed();
}

const NUMBER_ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
} as const;

function encodeNumbers(values: readonly number[], dtype: keyof typeof ONNX_TYPE): Uint8Array {
  if (dtype === "int64") return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  if (dtype === "float16") {
    throw new PatchClampError("UNSUPPORTED", {
      where: "constant",
      problem: "float16 is a storage type, so graphs hold no float16 constants.",
      fix: "make a float32 constant and cast it.",
    });
  }
  return new Uint8Array(NUMBER_ARRAYS[dtype].from(values).buffer);
}
