// The steps of a residual stream: which of them attend, and how they make blocks.

import type { OnnxNode } from "../../onnx/model.ts";
import type { GraphView } from "./graph-view.ts";
import type { Link, Stream } from "./stream.ts";

/** What computes something that is added to the stream: the values on the way to it that depend on the stream. */
export interface Branch {
  /** What is added. */
  readonly out: string;
  /** Values from the stream (or its norm) on, without the stream. */
  readonly values: ReadonlySet<string>;
  /** The values of the stream, or its norms, that are read. */
  readonly entries: ReadonlySet<string>;
  /** Where it attends; none in an MLP. */
  readonly cores: readonly Core[];
}

/** Attention proper: from queries, keys and values to what is mixed. */
export interface Core {
  /** The operator in which it is fused; undefined where the graph shows its parts. */
  readonly node: OnnxNode | undefined;
  readonly scores: string;
  readonly pattern: string;
  readonly q: string | undefined;
  readonly k: string | undefined;
  readonly v: string | undefined;
  readonly mixed: string;
}

/** A block of the network by its parts. */
export interface Block {
  readonly before: string;
  readonly after: string;
  readonly attention: Branch;
  readonly cross: Branch | undefined;
  readonly mlp: Branch;
  /** The stream after attention, and after cross attention. Undefined where there is none between them. */
  readonly mid: string | undefined;
  readonly afterCross: string | undefined;
}

/** The blocks of a stream, and the kinds of all steps: A attends, X attends to something else, M does neither, P is A and M at once. */
export interface Blocks {
  readonly blocks: readonly Block[];
  readonly kinds: string;
  /** Steps before the first block and after the last. */
  readonly outside: number;
}

/** Cuts a stream into blocks of attention and MLP. */
export function blocksOf(view: GraphView, stream: Stream): Blocks {
  const steps = stream.links.map((link) => stepOf(view, stream, link));
  const kinds = steps.map(({ kind }) => kind).join("");
  const found = [...kinds.matchAll(/P|AX?M/g)];
  const blocks = found.map(({ index, 0: kind }) => {
    const [before, after] = [stream.states[index]!, stream.states[index + kind.length]!];
    if (kind === "P")
      return {
        before,
        after,
        ...steps[index]!.both!,
        cross: undefined,
        mid: undefined,
        afterCross: undefined,
      };
    const [attention, ...rest] = steps
      .slice(index, index + kind.length)
      .map(({ branch }) => branch);
    const isBeside = stream.links[index + 1]!.isBeside;
    const [cross] = kind === "AXM" ? rest : [];
    return {
      before,
      after,
      attention: attention!,
      cross,
      mlp: rest.at(-1)!,
      mid: isBeside ? undefined : stream.states[index + 1],
      afterCross: cross && stream.states[index + 2],
    };
  });
  const inside = found.reduce((sum, { 0: kind }) => sum + kind.length, 0);
  return { blocks, kinds, outside: kinds.length - inside };
}

interface Step {
  readonly kind: "A" | "X" | "M" | "P";
  readonly branch: Branch;
  readonly both?: { readonly attention: Branch; readonly mlp: Branch };
}

function stepOf(view: GraphView, stream: Stream, { added }: Link): Step {
  const branch = branchOf(view, stream, added);
  const [core] = branch.cores;
  if (core === undefined) return { kind: "M", branch };
  const terms = view.sum(view.root(added))?.terms ?? [];
  const parts = terms
    .map((term) => branchOf(view, stream, term))
    .filter(({ entries }) => entries.size > 0);
  const attention = parts.find(({ cores }) => cores.length > 0);
  const mlp = parts.find(({ cores }) => cores.length === 0);
  if (parts.length === 2 && attention !== undefined && mlp !== undefined)
    return { kind: "P", branch, both: { attention, mlp } };
  const isOwn = core.k === undefined || branch.values.has(core.k) || stream.isEntry(core.k);
  return { kind: isOwn ? "A" : "X", branch };
}

function branchOf(view: GraphView, stream: Stream, out: string): Branch {
  const entries = new Set<string>();
  const seen = new Set<string>();
  const open = [out];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at) || entries.has(at)) continue;
    if (stream.isEntry(at)) {
      entries.add(at);
    } else {
      seen.add(at);
      open.push(...view.sources(at));
    }
  }
  // a value belongs to the branch when the stream is behind it
  const values = new Set<string>();
  for (const value of [...seen].toSorted((a, b) => view.place(a) - view.place(b))) {
    const isReached = view.sources(value).some((from) => entries.has(from) || values.has(from));
    if (isReached) values.add(value);
  }
  const cores = [...values].flatMap((value) => coreAt(view, value, values) ?? []);
  return { out, values, entries, cores };
}

/** Operators between a softmax and the product with the values. */
const AFTER_SOFTMAX = new Set(["Identity", "Cast", "Dropout", "Where", "Slice", "Reshape", "Mul"]);

const PRODUCTS = new Set(["MatMul", "FusedMatMul"]);

function coreAt(view: GraphView, value: string, inside: ReadonlySet<string>): Core | undefined {
  const node = view.maker(value);
  if (node === undefined || node.outputs[0] !== value) return undefined;
  if (node.opType.endsWith("Attention")) return fusedCore(node, value);
  if (node.opType !== "Softmax") return undefined;
  const patterns = [value];
  for (let i = 0; i < AFTER_SOFTMAX.size; i++) {
    const last = patterns.at(-1)!;
    const readers = view.readers(last).filter(({ outputs }) => inside.has(outputs[0]!));
    const product = readers.find(({ opType }) => PRODUCTS.has(opType));
    if (product?.inputs[0] === last) {
      // heads may be put into the batch for the product
      const pattern = patterns.findLast((own) => view.shape(own).length === 4) ?? last;
      const scores = node.inputs[0]!;
      const compared = productBehind(view, scores, inside);
      return {
        node: undefined,
        scores,
        pattern,
        q: compared?.inputs[0],
        k: compared?.inputs[1],
        v: product.inputs[1],
        mixed: product.outputs[0]!,
      };
    }
    const next = readers.find(({ opType }) => AFTER_SOFTMAX.has(opType));
    if (next === undefined) return undefined;
    patterns.push(next.outputs[0]!);
  }
  return undefined;
}

/** Attention as one operator. The import shows its scores and pattern. */
function fusedCore(node: OnnxNode, out: string): Core {
  const isWhole = node.domain !== "" && node.opType === "Attention";
  const given = isWhole ? [] : node.inputs.map((name) => (name === "" ? undefined : name));
  const [q, k, v] = given;
  return { node, scores: `${out}/scores`, pattern: `${out}/pattern`, q, k, v, mixed: out };
}

/** What is done to scores before their softmax: scales, masks, biases, bounds. */
const BEFORE_SOFTMAX = [
  "Add",
  "Sub",
  "Mul",
  "Div",
  "Where",
  "Tanh",
  "Identity",
  "Cast",
  "Reshape",
  "Max",
  "Concat",
];

/** The product of queries and keys that scores come from. */
function productBehind(
  view: GraphView,
  scores: string,
  inside: ReadonlySet<string>,
): OnnxNode | undefined {
  let at = scores;
  for (let i = 0; i < 2 * BEFORE_SOFTMAX.length; i++) {
    const node = view.maker(at);
    if (node === undefined || PRODUCTS.has(node.opType)) return node;
    const next = node.inputs.filter((input) => inside.has(input));
    if (!BEFORE_SOFTMAX.includes(node.opType) || next.length !== 1) return undefined;
    at = next[0]!;
  }
  return undefined;
}
