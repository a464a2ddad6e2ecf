// From llama.cpp's names of tensors to those that transformers saves.

import { PatchClampError } from "../../core/errors.ts";
import { nearest } from "../../core/text.ts";
import type { GgufTensor } from "./header.ts";
import type { Arrangement, Sizes, Undo } from "./undo.ts";
import { same, sliced } from "./undo.ts";

/**
 * Names in transformers by names in llama.cpp, where `#` stands for the number of a block.
 *
 * Without `.weight` or `.bias` on the left, whichever the tensor has is kept. A `*` on the right alone stands for the number of
 * a slice: the stored tensor is a stack. With a `*` on the left too, the number is part of the stored name.
 */
export type TensorTable = Readonly<Record<string, string | readonly [name: string, undo: Undo]>>;

/** A tensor of transformers that llama.cpp stores in two. */
export interface Join {
  /** Names in llama.cpp, as in a table. */
  readonly from: readonly [string, string];
  readonly to: string;
  readonly join: (first: GgufTensor, second: GgufTensor) => Arrangement;
}

/** A tensor of transformers that is a part of a stored one. */
export interface Cut {
  readonly from: string;
  readonly to: string;
  readonly cut: (source: GgufTensor, sizes: Sizes) => Arrangement;
}

export interface TensorRules {
  readonly tensors: TensorTable;
  readonly joins?: readonly Join[];
  readonly cuts?: readonly Cut[];
  /** Tensors that hold what stands in the config. */
  readonly inConfig?: readonly string[];
}

/** More experts, and heads with norms of their own, than any network has. */
const maxSlices = 4096;

/** A table for what every block has. */
export function blocks(prefix: string, names: TensorTable): TensorTable {
  const entries = Object.entries(names).map(([from, rule]) => {
    const [to, undo] = typeof rule === "string" ? [rule] : rule;
    const name = `${prefix}.#.${to}`;
    return [`blk.#.${from}`, undo === undefined ? name : ([name, undo] as const)];
  });
  return Object.fromEntries(entries) as TensorTable;
}

/**
 * Arranges every tensor of a file as transformers would save it.
 *
 * @param where - the file, for error messages
 * @param architecture - llama.cpp's name of it, for error messages
 * @returns arrangements by transformers' names
 * @throws PatchClampError `UNSUPPORTED` for a tensor that the rules do not name; `BAD_FILE` when half of a joined tensor is missing
 */
export function arrangements(
  tensors: ReadonlyMap<string, GgufTensor>,
  rules: TensorRules,
  { path, architecture, sizes }: { path: string; architecture: string; sizes: Sizes },
): Map<string, Arrangement> {
  const { joins = [], cuts = [], inConfig = [] } = rules;
  const found = new Map<string, Arrangement>();
  for (const tensor of tensors.values()) {
    const name = parsed(tensor.name);
    if (inConfig.includes(name.full)) continue;
    const join = joins.find(({ from }) => from.includes(name.full));
    const pieces = cuts.filter(({ from }) => from === name.full);
    if (join !== undefined) {
      const [first, second] = join.from.map((from) => tensors.get(numbered(from, name)));
      if (first === undefined || second === undefined) throw half(path, tensor.name);
      found.set(numbered(join.to, name), join.join(first, second));
    } else if (pieces.length > 0) {
      for (const { to, cut } of pieces) found.set(numbered(to, name), cut(tensor, sizes));
    } else {
      const named = renamed(tensor, name, rules.tensors, sizes);
      if (named === undefined) throw unknown(tensor.name, rules, { path, architecture });
      for (const [to, arrangement] of named) found.set(to, arrangement);
    }
  }
  return found;
}

/** A name with its numbers taken out. */
interface ParsedName {
  /** `blk.#.attn_q.weight` */
  readonly full: string;
  /** Without `.weight` or `.bias`. */
  readonly stem: string;
  readonly suffix: string;
  /** Of the block, and of the expert in old files that hold each on its own. */
  readonly numbers: readonly string[];
}

function parsed(name: string): ParsedName {
  const numbers: string[] = [];
  const full = name
    .replace(/^blk\.(\d+)\./, (_, block: string) => (numbers.push(block), "blk.#."))
    .replace(/\.(\d+)\.weight$/, (_, expert: string) => (numbers.push(expert), ".*.weight"));
  const [, stem = full, suffix = ""] = /^(.*)(\.weight|\.bias)$/.exec(full) ?? [];
  return { full, stem, suffix, numbers };
}

function numbered(pattern: string, { numbers: [block = "", expert = "*"] }: ParsedName): string {
  return pattern.replace("#", block).replace("*", expert);
}

function renamed(
  tensor: GgufTensor,
  name: ParsedName,
  table: TensorTable,
  sizes: Sizes,
): [string, Arrangement][] | undefined {
  const isWhole = Object.hasOwn(table, name.full);
  const key = isWhole ? name.full : name.stem;
  if (!Object.hasOwn(table, key)) return undefined;
  const rule = table[key]!;
  const [to, undo = same] = typeof rule === "string" ? [rule] : rule;
  const target = numbered(to, name) + (isWhole ? "" : name.suffix);
  if (!target.includes("*")) return [[target, undo(tensor, sizes)]];
  const slices = tensor.shape[0] ?? 0;
  if (slices > maxSlices) throw tooMany(tensor.name, slices);
  return Array.from({ length: slices }, (_, index) => [
    target.replace("*", String(index)),
    sliced(tensor, index),
  ]);
}

function unknown(
  tensor: string,
  { tensors }: TensorRules,
  { path, architecture }: { path: string; architecture: string },
): PatchClampError {
  return new PatchClampError("UNSUPPORTED", {
    where: "openGguf",
    problem: `${path} holds a tensor "${tensor}", which "${architecture}" is not known to have; the nearest are ${nearest(
      parsed(tensor).stem,
      Object.keys(tensors),
    ).join(", ")}.`,
    facts: { path, tensor },
  });
}

function half(path: string, tensor: string): PatchClampError {
  return new PatchClampError("BAD_FILE", {
    where: "openGguf",
    problem: `${path} holds "${tensor}" without its other half.`,
    facts: { path, tensor },
  });
}

function tooMany(tensor: string, slices: number): PatchClampError {
  return new PatchClampError("BAD_FILE", {
    where: "openGguf",
    problem: `tensor "${tensor}" stacks ${slices} tensors; ${maxSlices} is the limit.`,
    facts: { tensor, slices },
  });
}
