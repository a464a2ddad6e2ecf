// An ONNX graph as recognition looks at it: what is made of what, in which shapes, and what is the same numbers under another name.

import type { Tensor } from "../../runtime/index.ts";
import type { OnnxGraph, OnnxNode } from "../../onnx/model.ts";

/** Two values added, by a node of its own or by one that also normalises the sum. */
export interface Sum {
  readonly terms: readonly [string, string];
  /** The sum; where its node also normalises it, the name under which the import shows it. */
  readonly out: string;
  /** Whether a constant is added as well. */
  readonly hasBias: boolean;
}

/** Operators whose first output has the numbers and axes of their first input. */
const SAME = new Set(["Identity", "Cast", "CastLike", "Dropout"]);

/** Operators whose first output has the numbers of their first input in another shape. */
const RESHAPES = new Set(["Reshape", "Squeeze", "Unsqueeze", "Flatten"]);

/** Operators that see shapes and not numbers. */
const SHAPES = new Set(["Shape", "Size"]);

const SKIP_NORMS = new Set(["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"]);

/** A graph whose values have been traced once. */
export class GraphView {
  readonly graph: OnnxGraph;
  /** All pairs that are added, in order. */
  readonly sums: readonly Sum[];
  readonly #traced: ReadonlyMap<string, Tensor>;
  readonly #stored: ReadonlyMap<string, readonly number[]>;
  readonly #makers = new Map<string, OnnxNode>();
  readonly #places = new Map<string, number>();
  readonly #readers = new Map<string, OnnxNode[]>();
  readonly #constants = new Map<string, boolean>();
  readonly #sumOf = new Map<string, Sum>();
  readonly #normedSums = new Map<string, Sum>();
  /** Outputs of a node that are a sum which the import shows within the node. */
  readonly #shownAs = new Map<string, string>();

  /** @param traced - values of the graph by name, those within nodes too */
  constructor(graph: OnnxGraph, traced: ReadonlyMap<string, Tensor>) {
    this.graph = graph;
    this.#traced = traced;
    this.#stored = new Map(graph.initializers.map(({ name, shape }) => [name, shape]));
    for (const { name } of graph.initializers) this.#constants.set(name, true);
    for (const { name } of graph.inputs)
      if (!this.#constants.has(name)) this.#constants.set(name, false);
    for (const [i, node] of graph.nodes.entries()) this.#add(node, i);
    this.sums = [...this.#sumOf.values()];
  }

  #add(node: OnnxNode, i: number): void {
    for (const input of new Set(node.inputs)) {
      const readers = this.#readers.get(input);
      if (readers === undefined) this.#readers.set(input, [node]);
      else readers.push(node);
    }
    const isConstant = node.inputs.every((name) => name === "" || this.isConstant(name));
    for (const output of node.outputs) {
      this.#makers.set(output, node);
      // a sum that a node also normalises comes before what it makes of it
      this.#places.set(output, 2 * i + 1);
      this.#constants.set(output, isConstant || this.#traced.get(output)?.value !== undefined);
    }
    const [a, b] = node.inputs;
    if (a === undefined || b === undefined || this.isConstant(a) || this.isConstant(b)) return;
    if (node.opType === "Add" || (node.opType === "Sum" && node.inputs.length === 2)) {
      this.#addSum({ terms: [a, b], out: node.outputs[0]!, hasBias: false });
    } else if (SKIP_NORMS.has(node.opType)) {
      const bias = node.inputs[node.opType === "SkipLayerNormalization" ? 4 : 3] ?? "";
      const out = `${node.outputs[0]!}/sum`;
      this.#places.set(out, 2 * i);
      this.#makers.set(out, node);
      if (node.outputs[3] !== undefined) this.#shownAs.set(node.outputs[3], out);
      const sum = { terms: [a, b], out, hasBias: bias !== "" } as const;
      this.#addSum(sum);
      this.#normedSums.set(node.outputs[0]!, sum);
    }
  }

  #addSum(sum: Sum): void {
    this.#sumOf.set(sum.out, sum);
  }

  /** The node that makes a value; undefined for inputs and constants of the file. */
  maker(value: string): OnnxNode | undefined {
    return this.#makers.get(value);
  }

  /** The nodes that read a value. */
  readers(value: string): readonly OnnxNode[] {
    return this.#readers.get(value) ?? [];
  }

  /** The sum that a value is. */
  sum(value: string): Sum | undefined {
    return this.#sumOf.get(value);
  }

  /** The sum of which a value is the norm, made by the same node. */
  normedSum(value: string): Sum | undefined {
    return this.#normedSums.get(value);
  }

  /** Whether the trace came by a value, so that it can be a site. */
  has(value: string): boolean {
    return this.#traced.has(value);
  }

  shape(value: string): readonly number[] {
    return this.#traced.get(value)?.shape ?? [];
  }

  /** Of a constant of the file, or of what is the same. */
  constantShape(value: string): readonly number[] | undefined {
    return this.#stored.get(this.same(value).at(-1)!);
  }

  /** Whether a value is the same for all inputs of the traced shape. */
  isConstant(value: string): boolean {
    return this.#constants.get(value) ?? false;
  }

  /** What a value is computed from; shapes that it takes from others do not count. */
  sources(value: string): readonly string[] {
    const normed = this.#normedSums.get(value);
    if (normed !== undefined) return [normed.out];
    const own = this.#sumOf.get(value);
    if (own !== undefined) return own.terms;
    const shown = this.#shownAs.get(value);
    if (shown !== undefined) return [shown];
    const node = this.#makers.get(value);
    if (node === undefined || SHAPES.has(node.opType)) return [];
    return node.inputs.filter((name) => name !== "" && !this.isConstant(name));
  }

  /** The values that have the same numbers in the same axes, the value itself first, each made of the next. */
  same(value: string): readonly string[] {
    return this.#back(value, (node) => SAME.has(node.opType));
  }

  /** The values that have the same numbers in any shape, the value itself first, each made of the next. */
  reshaped(value: string): readonly string[] {
    return this.#back(value, ({ opType }) => SAME.has(opType) || RESHAPES.has(opType));
  }

  /** The first value that has the same numbers. */
  root(value: string): string {
    return this.reshaped(value).at(-1)!;
  }

  /** The operands of a node of one of these types that makes a value (or one of the same numbers and axes), the constant ones apart. */
  operands(
    value: string,
    ...opTypes: readonly string[]
  ): { readonly values: readonly string[]; readonly constants: readonly string[] } | undefined {
    const node = this.maker(this.same(value).at(-1)!);
    if (node === undefined || !opTypes.includes(node.opType)) return undefined;
    const given = node.inputs.filter((name) => name !== "");
    const isConstant = (name: string): boolean => this.isConstant(name);
    return {
      values: given.filter((name) => !isConstant(name)),
      constants: given.filter(isConstant),
    };
  }

  /** Where a value is made, in the order of the file; -1 for what is given. */
  place(value: string): number {
    return this.#places.get(value) ?? -1;
  }

  /** Whether the numbers of a value depend on those of another. */
  dependsOn(value: string, other: string): boolean {
    const end = this.place(other);
    const seen = new Set<string>();
    const open = [value];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (at === other) return true;
      if (seen.has(at) || this.place(at) <= end) continue;
      seen.add(at);
      open.push(...this.sources(at));
    }
    return false;
  }

  #back(value: string, passes: (node: OnnxNode) => boolean): readonly string[] {
    const values = [value];
    for (;;) {
      const at = values.at(-1)!;
      const shown = this.#shownAs.get(at);
      if (shown !== undefined) {
        values.push(shown);
        continue;
      }
      const node = this.#makers.get(at);
      const from = node?.inputs[0];
      // a file may be damaged: a value that makes itself
      if (node === undefined || from === undefined || values.includes(from)) return values;
      if (!passes(node) || node.outputs[0] !== at || this.#sumOf.has(at)) return values;
      values.push(from);
    }
  }
}
