// Types and shapes that a file does not say, followed from node to node as far as they go.

import type { OnnxAttribute, OnnxFunction, OnnxGraph, OnnxNode, OnnxTensor } from "../../model.ts";
import type { Dim, Shape } from "./dim.ts";
import { asSize } from "./dim.ts";
import { elementwiseRules } from "./elementwise.ts";
import { linearRules } from "./linear.ts";
import { movementRules } from "./movement.ts";
import type { Known, RuleContext, Rules } from "./rule.ts";
import { UNKNOWN } from "./rule.ts";

const RULES: Rules = { ...elementwiseRules, ...movementRules, ...linearRules };

/** Values by name. */
type Scope = Map<string, Known>;

/** Calls within calls that are followed. */
const DEEPEST = 16;

/** Elements of constants that are followed, at most. */
const MOST = 256;

/**
 * Finds types and shapes of what nodes make.
 *
 * @param functions - operators that the model defines itself
 * @param given - what is known of inputs and constants
 * @param stated - what the file says of a value; where it does not say a thing, what follows from the nodes is taken
 * @returns what is known of every value of the graph
 */
export function inferred(
  functions: readonly OnnxFunction[],
  nodes: readonly OnnxNode[],
  given: ReadonlyMap<string, Known>,
  stated: (name: string) => Known,
): ReadonlyMap<string, Known> {
  const scope = new Map(given);
  new Inference(functions).nodes(nodes, scope, stated);
  return scope;
}

/** What a constant says of itself. */
export function knownOf({ type, shape, data }: OnnxTensor): Known {
  const isList = shape.length <= 1 && (shape[0] ?? 1) <= MOST && data instanceof Uint8Array;
  if (!isList || (type !== "int64" && type !== "int32")) return { type, shape };
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const elements = Array.from({ length: shape[0] ?? 1 }, (_, i) =>
    type === "int64" ? Number(view.getBigInt64(8 * i, true)) : view.getInt32(4 * i, true),
  );
  return { type, shape, elements };
}

class Inference {
  readonly #functions: ReadonlyMap<string, OnnxFunction>;
  #depth = 0;

  constructor(functions: readonly OnnxFunction[]) {
    this.#functions = new Map(functions.map((fn) => [keyOf(fn.domain, fn.name), fn]));
  }

  nodes(
    nodes: readonly OnnxNode[],
    scope: Scope,
    stated: (name: string) => Known,
    called: ReadonlyMap<string, OnnxAttribute> = new Map(),
  ): void {
    for (const node of nodes) {
      const results = this.#node(node, scope, called);
      for (const [i, name] of node.outputs.entries())
        if (name !== "") scope.set(name, believed(stated(name), checked(results[i] ?? UNKNOWN)));
    }
  }

  #node(
    node: OnnxNode,
    scope: Scope,
    called: ReadonlyMap<string, OnnxAttribute>,
  ): readonly Known[] {
    const input = (i: number): Known => scope.get(node.inputs[i] ?? "") ?? absent(node.inputs[i]);
    const attribute = (name: string): OnnxAttribute | undefined => {
      const own = node.attributes.get(name);
      return own?.kind === "reference" ? called.get(own.value) : own;
    };
    const key = keyOf(node.domain, node.opType);
    const body = (name: string): OnnxGraph | undefined => {
      const found = attribute(name);
      return found?.kind === "graph" ? found.value : undefined;
    };
    const defined = this.#functions.get(key);
    if (defined !== undefined) return this.#call(defined, node, input);
    if (key === "Constant") return [constant(attribute)];
    if (key === "If") return this.#branches(body("then_branch"), body("else_branch"), scope);
    if (key === "Loop") return this.#loop(body("body"), node, input, scope);
    if (key === "Scan") return this.#scan(body("body"), node, scope);
    const rule = Object.hasOwn(RULES, key) ? RULES[key] : undefined;
    return rule?.(contextOf(node, input, attribute)) ?? [];
  }

  #call(fn: OnnxFunction, node: OnnxNode, input: (i: number) => Known): readonly Known[] {
    const scope = new Map(fn.inputs.map((name, i) => [name, input(i)]));
    const attributes = new Map([...fn.defaults, ...node.attributes]);
    this.#inside(() => this.nodes(fn.nodes, scope, () => UNKNOWN, attributes));
    return fn.outputs.map((name) => scope.get(name) ?? UNKNOWN);
  }

  #branches(
    then: OnnxGraph | undefined,
    otherwise: OnnxGraph | undefined,
    scope: Scope,
  ): readonly Known[] {
    if (then === undefined || otherwise === undefined) return [];
    const others = this.#body(otherwise, scope, []);
    return this.#body(then, scope, []).map((known, i) => common(known, others[i] ?? UNKNOWN));
  }

  #loop(
    body: OnnxGraph | undefined,
    node: OnnxNode,
    input: (i: number) => Known,
    scope: Scope,
  ): readonly Known[] {
    if (body === undefined) return [];
    const carried = node.inputs.slice(2).map((_, i) => input(i + 2));
    const types = carried.map(({ type }) => ({ type, shape: undefined }));
    const step: Known = { type: "int64", shape: [] };
    const results = this.#body(body, scope, [step, { type: "bool", shape: [] }, ...types]).slice(1);
    return results.map((known, i) =>
      i < carried.length
        ? common(carried[i]!, known)
        : { type: known.type, shape: known.shape && [null, ...known.shape] },
    );
  }

  #scan(body: OnnxGraph | undefined, node: OnnxNode, scope: Scope): readonly Known[] {
    if (body === undefined) return [];
    const scanned = node.attributes.get("num_scan_inputs");
    const count = scanned?.kind === "int" ? Number(scanned.value) : 0;
    const states = node.inputs.length - count;
    return this.#body(body, scope, []).map(({ type, shape }, i) =>
      // along which axis the steps are joined is an attribute; the rank is the same for all
      i < states ? { type, shape } : { type, shape: shape && [null, ...shape.map(() => null)] },
    );
  }

  #body(body: OnnxGraph, outer: Scope, given: readonly Known[]): readonly Known[] {
    const scope = new Map(outer);
    for (const [i, value] of body.inputs.entries())
      scope.set(value.name, believed(value, given[i] ?? UNKNOWN));
    for (const tensor of body.initializers) scope.set(tensor.name, knownOf(tensor));
    const stated = new Map(body.values.map((value) => [value.name, value]));
    this.#inside(() => this.nodes(body.nodes, scope, (name) => stated.get(name) ?? UNKNOWN));
    return body.outputs.map((value) => believed(value, scope.get(value.name) ?? UNKNOWN));
  }

  /** Operators that call themselves are followed no further than bodies are read. */
  #inside(run: () => void): void {
    if (this.#depth === DEEPEST) return;
    this.#depth++;
    run();
    this.#depth--;
  }
}

/** A value that is read and of which nothing is known is another thing than an input left out. */
function absent(name: string | undefined): Known {
  return name === undefined || name === "" ? UNKNOWN : { type: undefined, shape: undefined };
}

function contextOf(
  node: OnnxNode,
  input: (i: number) => Known,
  attribute: (name: string) => OnnxAttribute | undefined,
): RuleContext {
  return {
    input,
    inputCount: node.inputs.length,
    outputCount: node.outputs.length,
    attribute,
    int: (name, otherwise) => {
      const found = attribute(name);
      return found?.kind === "int" ? Number(found.value) : otherwise;
    },
    ints: (name) => {
      const found = attribute(name);
      return found?.kind === "ints" ? found.value.map(Number) : undefined;
    },
    text: (name) => {
      const found = attribute(name);
      return found?.kind === "string" ? found.value : undefined;
    },
  };
}

function constant(attribute: (name: string) => OnnxAttribute | undefined): Known {
  const tensor = attribute("value");
  if (tensor?.kind === "tensor") return knownOf(tensor.value);
  const int = attribute("value_int");
  if (int?.kind === "int") return { type: "int64", shape: [], elements: [Number(int.value)] };
  const ints = attribute("value_ints");
  if (ints?.kind === "ints")
    return { type: "int64", shape: [ints.value.length], elements: ints.value.map(Number) };
  if (attribute("value_float")?.kind === "float") return { type: "float32", shape: [] };
  const floats = attribute("value_floats");
  if (floats?.kind === "floats") return { type: "float32", shape: [floats.value.length] };
  return UNKNOWN;
}

/** What the file says, and where it says nothing what follows from the nodes. */
export function believed(stated: Known, inferred: Known): Known {
  const type = stated.type ?? inferred.type;
  const { elements } = inferred;
  if (stated.shape === undefined || inferred.shape?.length !== stated.shape.length)
    return { type, shape: stated.shape ?? inferred.shape, elements };
  const shape = stated.shape.map((size, i) => size ?? inferred.shape![i]!);
  return { type, shape, elements };
}

/** What holds for both. */
function common(a: Known, b: Known): Known {
  const type = a.type === b.type ? a.type : undefined;
  const fits = a.shape !== undefined && a.shape.length === b.shape?.length;
  return { type, shape: fits ? a.shape.map((size, i) => same(size, b.shape![i]!)) : undefined };
}

function same(a: Dim, b: Dim): Dim {
  return a === b ? a : null;
}

/** Sizes below 0 and overlong shapes come from damaged files. */
function checked({ type, shape, elements }: Known): Known {
  const sizes: Shape | undefined = shape !== undefined && shape.length <= 64 ? shape : undefined;
  return { type, shape: sizes?.map(asSize), elements };
}

function keyOf(domain: string, opType: string): string {
  return domain === "" ? opType : `${domain}.${opType}`;
}
