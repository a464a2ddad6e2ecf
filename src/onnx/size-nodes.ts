// Numbers of a graph that depend on its sizes, as nodes that compute them where the model runs.

import { ONNX_TYPE } from "../tensor/ops/cast.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { InitializerForm, NodeForm } from "./proto.ts";
import type { Size, Sizes } from "./sizes.ts";

/** A constant of whole numbers that differs from size to size. */
export type OpenConstant =
  /** A list of sizes. */
  | { readonly kind: "sizes"; readonly sizes: readonly Size[] }
  /** 0, 1, 2 ... in row-major order, in an array of these sizes. */
  | { readonly kind: "count"; readonly to: Size; readonly shape: readonly Size[] };

/** Nodes that compute sizes where the model runs. */
export class SizeNodes {
  readonly nodes: NodeForm[] = [];
  readonly constants: InitializerForm[] = [];
  readonly #known = new Map<string, string>();
  readonly #inputs: ReadonlyMap<string, Tensor>;
  readonly #sizes: Sizes;

  /**
   * @param inputs - of one trace, by their names in the model
   * @param sizes - of that trace
   */
  constructor(inputs: ReadonlyMap<string, Tensor>, sizes: Sizes) {
    this.#inputs = inputs;
    this.#sizes = sizes;
  }

  /** Makes the constant of that name. */
  make(name: string, constant: OpenConstant): void {
    if (constant.kind === "sizes") this.#list(constant.sizes, name);
    else this.#node("Reshape", [this.#range(constant.to), this.#list(constant.shape)], {}, name);
  }

  /** Makes 0, 1, 2 ... up to a size. */
  count(name: string, dtype: Tensor["dtype"], size: Size): void {
    this.#node("Cast", [this.#range(size)], { to: ONNX_TYPE[dtype] }, name);
  }

  #list(sizes: readonly Size[], name?: string): string {
    const parts = sizes.map((size) => this.#one(size));
    return this.#node("Concat", parts, { axis: 0 }, name);
  }

  #range(size: Size): string {
    const scalar = (of: string): string => this.#node("Reshape", [of, this.#constant([], [0])], {});
    const [start, step] = [scalar(this.#constant([0])), scalar(this.#constant([1]))];
    return this.#node("Range", [start, scalar(this.#one(size)), step], {});
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
    for (const [input, { shape }] of this.#inputs) {
      const axis = shape.indexOf(this.#sizes[name]!);
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
