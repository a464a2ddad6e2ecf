// Runs an ONNX graph through traced tensors, node by node: every value has a name, so every value is a site.

import { PatchClampError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { OnnxAttribute, OnnxFunction, OnnxGraph, OnnxModel, OnnxNode } from "../model.ts";
import { contextOf, keyOf } from "./context.ts";
import type { ImportHandlers } from "./handler.ts";
import { constantOf } from "./data.ts";
import { isShort, knownNumbers, knownTensor, leaveUnknown } from "./known.ts";
import { isRounded } from "./rounding.ts";

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

/** Elements that a value may have: of float32, 8 GiB. */
const MOST_ELEMENTS = 2 ** 31 - 1;

/** Nodes that are run, those of bodies once for every step. */
const MOST_NODES = 50_000;

/** Elements that nodes make before the graph runs, as ranges do. */
const MOST_MADE = 2 ** 24;

/** Elements that are folded, and of how many it does not matter: shapes and indices are short, and what has more is left to the runtime. */
const [MOST_FOLDED, FEW] = [2 ** 20, 64];

/** Bodies and defined operators within one another. */
const DEEPEST = 32;

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
  const functions = model.functions.map((fn) => [keyOf(fn.domain, fn.name), fn] as const);
  const run = new Run(form, model.opsets, new Map(functions));
  run.nodes(model.graph.nodes, scope, form.tap);
  return model.graph.outputs.map(({ name }) => run.made(scope, name, "the model"));
}

/** What a run has come to, with all that runs within it: a small file can ask for endless work. */
interface Progress {
  nodes: number;
  made: number;
  folded: number;
  depth: number;
}

class Run {
  readonly #form: RunForm;
  readonly #opsets: ReadonlyMap<string, number>;
  readonly #functions: ReadonlyMap<string, OnnxFunction>;
  readonly #progress: Progress;

  constructor(
    form: RunForm,
    opsets: ReadonlyMap<string, number>,
    functions: ReadonlyMap<string, OnnxFunction>,
    progress: Progress = { nodes: 0, made: 0, folded: 0, depth: 0 },
  ) {
    this.#form = form;
    this.#opsets = opsets;
    this.#functions = functions;
    this.#progress = progress;
  }

  nodes(nodes: readonly OnnxNode[], scope: Scope, tap?: NameValue): void {
    for (const node of nodes) {
      const results = this.#node(node, scope, tap);
      for (const [i, name] of node.outputs.entries()) {
        if (name === "") continue;
        const result = results[i];
        if (result === undefined) throw this.#refuse(node, `gives no output ${i} here`);
        if (!isPossible(result)) {
          const shape = result.shape.join(", ");
          throw this.#refuse(
            node,
            `makes [${shape}], which is no shape of a value that can be held`,
          );
        }
        const value = this.#settled(result);
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

  #node(node: OnnxNode, scope: Scope, tap: NameValue | undefined): readonly (Tensor | undefined)[] {
    if (++this.#progress.nodes > MOST_NODES)
      throw this.#refuse(node, `comes after ${MOST_NODES} others, and no more are run`);
    const inputs = node.inputs.map((name) =>
      name === "" ? undefined : this.made(scope, name, titleOf(node)),
    );
    const key = keyOf(node.domain, node.opType);
    const defined = this.#functions.get(key);
    if (defined !== undefined) return this.#call(defined, node, inputs);
    const handler = this.#form.handlers[key];
    if (handler === undefined) throw this.#refuse(node, "is of an operator that is not known here");
    const name = node.outputs.find((output) => output !== "") ?? node.name;
    const context = contextOf(node, inputs, {
      where: this.#form.where,
      opset: this.#opsets.get(node.domain) ?? 1,
      name: (label, x) => tap?.(`${name}/${label}`, x) ?? x,
      body: (graph, given) => this.#within(node, () => this.#body(graph, given, scope)),
      refuse: (problem) => this.#refuse(node, problem),
    });
    const result = handler(context);
    const results = Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor];
    if (node.opType === "Constant") return results;
    for (const made of results)
      if (made.value !== undefined && !inputs.includes(made)) this.#count(node, made);
    return results;
  }

  #count(node: OnnxNode, { size }: Tensor): void {
    this.#progress.made += size;
    if (this.#progress.made > MOST_MADE)
      throw this.#refuse(node, `makes numbers after ${MOST_MADE} others, and no more are made`);
  }

  /** What is known before the graph runs is data from here on. */
  #settled(x: Tensor): Tensor {
    if (isShort(x) && x.size > FEW && (this.#progress.folded += x.size) > MOST_FOLDED)
      leaveUnknown(x);
    if (x.value !== undefined || x.dtype === "float32" || x.dtype === "float16") return x;
    // as data it would have no gradient
    if (isRounded(x)) return x;
    const numbers = knownNumbers(x);
    return numbers === undefined ? x : knownTensor(numbers, x);
  }

  /** An operator that the model defines, in place. */
  #call(
    fn: OnnxFunction,
    node: OnnxNode,
    inputs: readonly (Tensor | undefined)[],
  ): readonly (Tensor | undefined)[] {
    const scope = new Scope();
    const missing = new Set<string>();
    for (const [i, name] of fn.inputs.entries()) {
      const input = inputs[i];
      if (input === undefined) missing.add(name);
      else scope.define(name, input);
    }
    const attributes = new Map([...fn.defaults, ...node.attributes]);
    const opsets = fn.opsets.size === 0 ? this.#opsets : fn.opsets;
    const run = new Run(this.#form, opsets, this.#functions, this.#progress);
    return this.#within(node, () => {
      run.nodes(
        fn.nodes.map((inner) => withinCall(inner, attributes, missing)),
        scope,
      );
      return fn.outputs.map((name, i) =>
        (node.outputs[i] ?? "") === ""
          ? undefined
          : run.made(scope, name, `the operator ${fn.name}`),
      );
    });
  }

  /** Runs what lies within a node. */
  #within<T>(node: OnnxNode, fn: () => T): T {
    if (this.#progress.depth === DEEPEST)
      throw this.#refuse(node, `lies more than ${DEEPEST} deep in others`);
    this.#progress.depth++;
    const result = fn();
    this.#progress.depth--;
    return result;
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

function isPossible({ shape, size }: Tensor): boolean {
  return size <= MOST_ELEMENTS && shape.every((own) => Number.isInteger(own) && own >= 0);
}

/** A node of a defined operator with the attributes of the call where it refers to them, and without inputs that the call leaves out. */
function withinCall(
  node: OnnxNode,
  given: ReadonlyMap<string, OnnxAttribute>,
  missing: ReadonlySet<string>,
): OnnxNode {
  const attributes = new Map<string, OnnxAttribute>();
  for (const [name, value] of node.attributes) {
    const own = value.kind === "reference" ? given.get(value.value) : value;
    if (own !== undefined) attributes.set(name, own);
  }
  const inputs = node.inputs.map((name) => (missing.has(name) ? "" : name));
  return { ...node, attributes, inputs };
}

function titleOf({ name, opType, domain }: OnnxNode): string {
  return `the node ${name === "" ? "" : `"${name}" `}(${keyOf(domain, opType)})`;
}
