// Runs an ONNX graph through traced tensors, node by node: every value has a name, so every value is a site.

import { PatchClampError } from "../../core/errors.ts";
import { fromHost } from "../../tensor/leaf.ts";
import type { Tensor, TypedArray } from "../../tensor/tensor.ts";
import type { OnnxAttribute, OnnxFunction, OnnxGraph, OnnxModel, OnnxNode } from "../model.ts";
import { foreign } from "./foreign.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import { knownNumbers } from "./known.ts";
import { constantOf } from "./data.ts";

/** Names a value of the graph and returns the value to go on with. */
export type NameValue = (name: string, x: Tensor) => Tensor;

/** What a graph is run with. */
export interface RunForm {
  /** The public function that errors name. */
  readonly where: string;
  readonly handlers: ImportHandlers;
  /** Sees the values of the main graph; those of bodies and of operators that the model defines are not named. */
  readonly tap: NameValue;
}

/** Values by name, in a graph and in those around it. */
class Scope {
  readonly #values = new Map<string, Tensor>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  find(name: string): Tensor | undefined {
    return this.#values.get(name) ?? this.#outer?.find(name);
  }

  define(name: string, value: Tensor): void {
    this.#values.set(name, value);
  }
}

/**
 * Runs the graph of a model. Traced.
 *
 * @param given - its inputs by name, and its constants by name, as leaves
 * @returns its outputs, in the order of the file
 * @throws PatchClampError `UNSUPPORTED` naming the node whose operator is not known or has something that is not supported, `BAD_FILE`
 * when a node reads a value that nothing has made, and what operators throw for shapes and types that do not fit
 */
export function runModel(
  model: OnnxModel,
  given: ReadonlyMap<string, Tensor>,
  form: RunForm,
): readonly Tensor[] {
  const scope = new Scope();
  for (const [name, value] of given) scope.define(name, value);
  const run = new Run(model, form);
  run.nodes(model.graph.nodes, scope, form.tap);
  return model.graph.outputs.map(({ name }) => run.made(scope, name, "the model"));
}

class Run {
  readonly #form: RunForm;
  readonly #opsets: ReadonlyMap<string, number>;
  readonly #functions: ReadonlyMap<string, OnnxFunction>;
  readonly #model: OnnxModel;

  constructor(model: OnnxModel, form: RunForm, opsets = model.opsets) {
    this.#model = model;
    this.#form = form;
    this.#opsets = opsets;
    this.#functions = new Map(model.functions.map((fn) => [keyOf(fn.domain, fn.name), fn]));
  }

  nodes(nodes: readonly OnnxNode[], scope: Scope, tap?: NameValue): void {
    for (const node of nodes) {
      const results = this.#node(node, scope);
      for (const [i, name] of node.outputs.entries()) {
        if (name === "") continue;
        const result = results[i];
        if (result === undefined)
          throw this.#refuse(node, `gives only ${results.length} outputs here`);
        const value = settled(result);
        scope.define(name, tap === undefined ? value : tap(name, value));
      }
    }
  }

  made(scope: Scope, name: string, reader: string): Tensor {
    const value = scope.find(name);
    if (value !== undefined) return value;
    throw new PatchClampError("BAD_FILE", {
      where: this.#form.where,
      problem: `${reader} reads "${name}", which nothing before it has made.`,
      fix: "give all inputs of the model, or load a whole ONNX file.",
      facts: { value: name },
    });
  }

  #node(node: OnnxNode, scope: Scope): readonly Tensor[] {
    const inputs = node.inputs.map((name) =>
      name === "" ? undefined : this.made(scope, name, titleOf(node)),
    );
    const key = keyOf(node.domain, node.opType);
    const defined = this.#functions.get(key);
    if (defined !== undefined) return this.#call(defined, node, inputs);
    const handler = this.#form.handlers[key];
    if (handler === undefined) throw this.#refuse(node, "is of an operator that is not known here");
    const result = handler(this.#context(node, inputs, scope));
    return Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor];
  }

  /** An operator that the model defines, in place. */
  #call(
    fn: OnnxFunction,
    node: OnnxNode,
    inputs: readonly (Tensor | undefined)[],
  ): readonly Tensor[] {
    const scope = new Scope();
    for (const [i, name] of fn.inputs.entries()) {
      const input = inputs[i];
      if (input !== undefined) scope.define(name, input);
    }
    const attributes = new Map([...fn.defaults, ...node.attributes]);
    const opsets = fn.opsets.size === 0 ? this.#opsets : fn.opsets;
    const run = new Run(this.#model, this.#form, opsets);
    run.nodes(
      fn.nodes.map((inner) => withAttributes(inner, attributes)),
      scope,
    );
    return fn.outputs.map((name) => run.made(scope, name, `the operator ${fn.name}`));
  }

  #context(node: OnnxNode, inputs: readonly (Tensor | undefined)[], scope: Scope): ImportContext {
    const refuse = (problem: string): PatchClampError => this.#refuse(node, problem);
    const attribute = (name: string): OnnxAttribute | undefined => node.attributes.get(name);
    const read = <K extends OnnxAttribute["kind"]>(
      name: string,
      kind: K,
    ): Extract<OnnxAttribute, { kind: K }> | undefined => {
      const found = attribute(name);
      if (found === undefined || found.kind === kind)
        return found as Extract<OnnxAttribute, { kind: K }> | undefined;
      throw refuse(`has the attribute "${name}" as ${found.kind}, not as ${kind}`);
    };
    const input = (i: number): Tensor => {
      const found = inputs[i];
      if (found === undefined) throw refuse(`lacks its input ${i}`);
      return found;
    };
    return {
      opType: node.opType,
      opset: this.#opsets.get(node.domain) ?? 1,
      inputs,
      outputCount: node.outputs.length,
      hasOutput: (i) => (node.outputs[i] ?? "") !== "",
      input,
      known: (i) => {
        if (inputs[i] === undefined) return undefined;
        const numbers = knownNumbers(inputs[i]);
        if (numbers !== undefined) return numbers;
        throw refuse(
          `takes its input ${i} from values, and it must be known before the graph runs`,
        );
      },
      attribute,
      int: (name, otherwise) => {
        const found = read(name, "int");
        return found === undefined ? otherwise : Number(found.value);
      },
      float: (name, otherwise) => read(name, "float")?.value ?? otherwise,
      text: (name, otherwise) => read(name, "string")?.value ?? otherwise,
      ints: (name) => read(name, "ints")?.value.map(Number),
      floats: (name) => read(name, "floats")?.value,
      constant: (data) => constantOf(this.#form.where, data),
      body: (graph, given) => this.#body(graph, given, scope),
      asItIs: (outputs) => foreign(node, inputs, outputs),
      refuse,
    };
  }

  #body(graph: OnnxGraph, given: readonly Tensor[], outer: Scope): readonly Tensor[] {
    const scope = new Scope(outer);
    for (const data of graph.initializers)
      scope.define(data.name, constantOf(this.#form.where, data));
    for (const [i, { name }] of graph.inputs.entries()) {
      const value = given[i];
      if (value !== undefined) scope.define(name, value);
    }
    this.nodes(graph.nodes, scope);
    return graph.outputs.map(({ name }) => this.made(scope, name, "the body of a node"));
  }

  #refuse(node: OnnxNode, problem: string): PatchClampError {
    return new PatchClampError("UNSUPPORTED", {
      where: this.#form.where,
      problem: `${titleOf(node)} ${problem}.`,
      facts: { node: node.name, opType: node.opType, domain: node.domain },
    });
  }
}

/** What is known before the graph runs is data from here on. */
function settled(x: Tensor): Tensor {
  if (x.value !== undefined || x.dtype === "float32" || x.dtype === "float16") return x;
  const numbers = knownNumbers(x);
  return numbers === undefined ? x : fromHost(hostData(x, numbers), x);
}

function hostData({ dtype }: Tensor, numbers: readonly number[]): TypedArray {
  if (dtype === "int64") return BigInt64Array.from(numbers, (n) => BigInt(n));
  if (dtype === "int32") return Int32Array.from(numbers);
  return dtype === "int8" ? Int8Array.from(numbers) : Uint8Array.from(numbers);
}

/** A node of a defined operator with the attributes of the call where it refers to them. */
function withAttributes(node: OnnxNode, given: ReadonlyMap<string, OnnxAttribute>): OnnxNode {
  const attributes = new Map<string, OnnxAttribute>();
  for (const [name, value] of node.attributes) {
    const own = value.kind === "reference" ? given.get(value.value) : value;
    if (own !== undefined) attributes.set(name, own);
  }
  return { ...node, attributes };
}

function keyOf(domain: string, opType: string): string {
  return domain === "" ? opType : `${domain}.${opType}`;
}

function titleOf({ name, opType, domain }: OnnxNode): string {
  return `the node ${name === "" ? "" : `"${name}" `}(${keyOf(domain, opType)})`;
}
