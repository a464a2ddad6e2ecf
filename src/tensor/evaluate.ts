// Running what was traced: `evaluate` for lazily built graphs, `compile` for functions that are called again and again.

import { PatchClampError } from "../core/errors.ts";
import type { Tree } from "../core/tree.ts";
import { fillTree, leaves, mapTree } from "../core/tree.ts";
import type { Executable } from "./executor.ts";
import { executor } from "./executor.ts";
import { collect } from "./graph.ts";
import { fromValue, isLeaf, placeholder, valueOf } from "./leaf.ts";
import { showShape } from "./op.ts";
import { rewritten } from "./passes.ts";
import type { TypedArray, Value } from "./tensor.ts";
import { Tensor } from "./tensor.ts";

declare module "./tensor.ts" {
  interface Tensor {
    /** Computes the tensor, if it was not, and returns its elements in row-major order. */
    data(): Promise<TypedArray>;
    /** Like `data`, converted to numbers: int64 and bool too. */
    numbers(): Promise<Float32Array | Float64Array>;
    /** The only element of a tensor of size 1, as a number. */
    item(): Promise<number>;
  }
}

/**
 * Computes tensors in one graph and keeps their values, so that graphs built on them later start there.
 *
 * A computed tensor still knows how it was made, so that it can be differentiated; a loop that feeds results back in for
 * long is a case for `compile`, whose results know nothing of the past.
 *
 * @returns the same tensors, computed
 * @throws PatchClampError `RUNTIME_FAILED` naming the op that failed and the line that made it
 */
export async function evaluate<T extends readonly Tensor[]>(tensors: T): Promise<T> {
  const wanted = [...new Set(tensors)].filter((tensor) => tensor.value === undefined);
  if (wanted.length === 0) return tensors;
  const graph = rewritten(collect(wanted));
  const values = graph.inputs.map((input) => valueOf("evaluate", input));
  const executable = await executor().prepare(graph);
  const results = await executable.run(values);
  for (const [i, tensor] of wanted.entries()) tensor.value = results[i]!;
  return tensors;
}

Tensor.prototype.data = async function data(this: Tensor): Promise<TypedArray> {
  await evaluate([this]);
  return this.value!.read();
};

Tensor.prototype.numbers = async function numbers(
  this: Tensor,
): Promise<Float32Array | Float64Array> {
  const data = await this.data();
  if (data instanceof Float32Array) return data;
  if (this.dtype === "float16") return this.cast("float32").numbers();
  return Float64Array.from(data as ArrayLike<number | bigint>, Number);
};

Tensor.prototype.item = async function item(this: Tensor): Promise<number> {
  if (this.size !== 1) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "item",
      problem: `the tensor has ${this.size} elements, in shape ${showShape(this.shape)}, not one.`,
      fix: "read all of them with data(), or reduce first.",
    });
  }
  return (await this.numbers())[0]!;
};

/** Options of `compile`. */
export interface CompileOptions {
  /**
   * Positions of arguments that the caller gives up: their memory is reused for results of this size, so training
   * does not allocate. A donated tensor must not be read after the call. Default: none.
   */
  donate?: readonly number[];
}

interface Traced {
  readonly executable: Executable;
  /** For every graph input: the number of the argument leaf, or the value it closes over. */
  readonly sources: readonly (number | Value)[];
  readonly donated: readonly number[];
  /** For every result leaf: the number of the graph output, or the number of the argument it returns unchanged. */
  readonly results: readonly { output?: number; argument?: number; value?: Value }[];
  readonly form: Tree<Tensor>;
}

/**
 * Traces a function once for every signature of argument shapes, and runs the compiled graph on every call.
 *
 * Every argument and the result are trees of tensors (records, arrays, nested). The function must not wait or look at
 * data. Tensors it closes over are held as they were at the first call.
 *
 * @returns a function of the same arguments; its results are computed tensors
 */
export function compile<Args extends readonly unknown[], R>(
  fn: (...args: Args) => R,
  options: CompileOptions = {},
): (...args: Args) => Promise<R> {
  const { donate = [] } = options;
  const traces = new Map<string, Promise<Traced>>();
  return async (...args) => {
    const flat = args.map((arg) => leaves(arg as Tree<Tensor>));
    const all = flat.flat();
    await evaluate(all.map(([, tensor]) => tensor));
    const key = flat
      .map((part) => part.map(([path, t]) => `${path}:${t.dtype}${t.shape.join()}`).join(";"))
      .join("|");
    let pending = traces.get(key);
    if (pending === undefined) {
      pending = trace(fn, args, donate);
      traces.set(key, pending);
      pending.catch(() => traces.delete(key));
    }
    const traced = await pending;
    const given = all.map(([, tensor]) => valueOf("compile", tensor));
    const outputs = await traced.executable.run(
      traced.sources.map((source) => (typeof source === "number" ? given[source]! : source)),
      givenUp(traced, given),
    );
    const results = traced.results.map(({ output, argument, value }) => {
      if (output !== undefined) return fromValue(outputs[output]!);
      return argument === undefined ? fromValue(shared(value!)) : all[argument]![1];
    });
    return fillTree(traced.form, results) as R;
  };
}

/** A value that others hold too, so that disposing of it here frees nothing. */
function shared(value: Value): Value {
  return { ...value, dispose: () => undefined };
}

/** The values of donated arguments, without those whose memory is also kept elsewhere. */
function givenUp({ donated, sources }: Traced, given: readonly Value[]): Value[] {
  if (donated.length === 0) return [];
  const positions = new Set(donated);
  const memory = (value: Value): unknown => value.data ?? value;
  const kept = new Set<unknown>();
  for (const [i, value] of given.entries()) if (!positions.has(i)) kept.add(memory(value));
  for (const source of sources) if (typeof source !== "number") kept.add(memory(source));
  return donated.map((i) => given[i]!).filter((value) => !kept.has(memory(value)));
}

/** Stands for the graph of a function that only hands arguments and data around. */
const NOTHING: Executable = { run: async () => [] };

async function trace<Args extends readonly unknown[]>(
  fn: (...args: Args) => unknown,
  args: Args,
  donate: readonly number[],
): Promise<Traced> {
  const position = new Map<Tensor, number>();
  const donated: number[] = [];
  const symbolic = args.map((arg, i) =>
    mapTree<Tensor, Tensor>(arg as Tree<Tensor>, (tensor, path) => {
      const leaf = placeholder(tensor, path);
      if (donate.includes(i)) donated.push(position.size);
      position.set(leaf, position.size);
      return leaf;
    }),
  ) as unknown as Args;
  const form = fn(...symbolic) as Tree<Tensor>;
  const returned = leaves<Tensor>(form).map(([, tensor]) => tensor);
  const kept = new Set(returned.map((tensor) => position.get(tensor)));
  const computed = [...new Set(returned)].filter(
    (tensor) => !isLeaf(tensor) && tensor.value === undefined,
  );
  const graph = rewritten(collect(computed));
  return {
    executable: computed.length === 0 ? NOTHING : await executor().prepare(graph),
    sources: graph.inputs.map((input) => position.get(input) ?? valueOf("compile", input)),
    donated: donated.filter((argument) => !kept.has(argument)),
    results: returned.map((tensor) => {
      const argument = position.get(tensor);
      if (argument !== undefined) return { argument };
      return tensor.value === undefined
        ? { output: computed.indexOf(tensor) }
        : { value: tensor.value };
    }),
    form,
  };
}
