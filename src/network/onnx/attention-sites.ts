// The standard sites of attention in a graph. A name is given only to a value that has the axes that the name stands for.

import type { Branch, Core } from "./blocks.ts";
import type { GraphView } from "./graph-view.ts";
import { normOf } from "./norms.ts";
import { projectedFrom } from "./projections.ts";

/** Values by the site's name without the block, or why there is none. */
export type Found = Map<string, { readonly value: string } | { readonly why: string }>;

/** Orders of axes that bring [batch, pos, head, size] to the heads. */
const TO_HEADS = new Set(["0,2,1,3", "0,2,3,1"]);

/**
 * Finds scores, pattern, q, k, v and z.
 *
 * @param rows - batch and positions of the stream
 */
export function attentionSites(
  view: GraphView,
  branch: Branch,
  rows: readonly [batch: number, pos: number],
): Found {
  const found: Found = new Map();
  const core = branch.cores[0]!;
  if (branch.cores.length > 1) {
    for (const name of ["scores", "pattern", "q", "k", "v", "z"])
      found.set(name, { why: `a block attends ${branch.cores.length} times` });
    return found;
  }
  const shape = view.shape(core.pattern);
  const isByHead = shape.length === 4 && shape[0] === rows[0] && shape[2] === rows[1];
  for (const name of ["scores", "pattern"] as const) {
    const isSame = view.shape(core[name]).join() === shape.join();
    found.set(name, isByHead && isSame ? { value: core[name] } : otherPattern(shape));
  }
  const [, heads = 0, , keys = 0] = shape;
  const ofOthers = rowsOfOthers(view, branch, core);
  for (const name of ["q", "k", "v"] as const) {
    const size = view.shape(core[name] ?? "").at(name === "k" && core.node === undefined ? -2 : -1);
    const own = name === "q" ? rows : ofOthers ? ([rows[0], keys] as const) : rows;
    const [site, value] = projection(view, branch, core, { name, size, heads, rows: own });
    if (value !== undefined && site !== name) {
      found.set(site, { value });
      const norm = normOf(view, value)!;
      found.set(name, isLinear(view, norm.x) ? { value: norm.x } : noHeads);
    } else found.set(name, value === undefined ? noHeads : { value });
  }
  const z = mixedByPosition(view, core.mixed) ?? "";
  const isByPosition = view.shape(z).slice(0, 3).join() === [...rows, heads].join();
  found.set("z", isByPosition ? { value: z } : noHeads);
  return found;
}

/** Whether keys and values are of another text than the stream. */
function rowsOfOthers(view: GraphView, branch: Branch, { k }: Core): boolean {
  return k !== undefined && !branch.values.has(k) && !branch.entries.has(k) && !view.isConstant(k);
}

function otherPattern(shape: readonly number[]): { readonly why: string } {
  const why =
    shape.length === 0
      ? "the operator does not show the pattern"
      : `the pattern is [${shape.join(", ")}] in the graph, not [batch, head, query, key]`;
  return { why };
}

/** How many reshapes may lie between what is mixed and its heads side by side. */
const MOST_RESHAPES = 4;

/** What is mixed, after the transpose to [batch, pos, head, size]. */
function mixedByPosition(view: GraphView, mixed: string): string | undefined {
  let at = mixed;
  for (let i = 0; i < MOST_RESHAPES; i++) {
    const readers = view.readers(at);
    const transposed = readers.find(
      ({ opType, attributes }) => opType === "Transpose" && permOf(attributes) === "0,2,1,3",
    );
    if (transposed !== undefined) return transposed.outputs[0];
    const next = readers.find(({ outputs }) => view.reshaped(outputs[0] ?? "").includes(at));
    if (next === undefined) return undefined;
    at = next.outputs[0]!;
  }
  return undefined;
}

const noHeads = {
  why: "the graph has no value with the axes batch, pos, head and dHead for it",
} as const;

interface Wanted {
  readonly name: "q" | "k" | "v";
  readonly size: number | undefined;
  readonly heads: number;
  readonly rows: readonly [number, number];
}

/** The projection that an operand of attention comes from, as [batch, pos, head, size], or its norm. */
function projection(
  view: GraphView,
  branch: Branch,
  core: Core,
  { name, size, heads, rows }: Wanted,
): readonly [site: string, value: string | undefined] {
  const operand = core[name];
  if (operand === undefined || size === undefined) return [name, undefined];
  const found = new Set<string>();
  const seen = new Set<string>();
  const isInside = (value: string): boolean =>
    branch.values.has(value) || !branch.values.has(operand);
  const open = [operand];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const node = view.maker(at);
    const from = node?.inputs[0];
    if (seen.has(at) || !isInside(at) || node === undefined || from === undefined) continue;
    seen.add(at);
    const shape = view.shape(from);
    const fits =
      shape.length === 4 &&
      shape[0] === rows[0] &&
      shape[1] === rows[1] &&
      shape[3] === size &&
      (name === "q" ? shape[2] === heads : heads % (shape[2] ?? 0) === 0);
    if (node.opType === "Transpose" && TO_HEADS.has(permOf(node.attributes)) && fits)
      found.add(from);
    else open.push(...view.sources(at));
  }
  const [value] = found;
  if (found.size !== 1 || value === undefined) return [name, undefined];
  if (isLinear(view, value)) return [name, value];
  return name !== "v" && normOf(view, value) !== undefined
    ? [`${name}_norm`, value]
    : [name, undefined];
}

function isLinear(view: GraphView, value: string): boolean {
  return projectedFrom(view, value) !== undefined;
}

function permOf(
  attributes: ReadonlyMap<string, { readonly kind: string; readonly value?: unknown }>,
): string {
  const perm = attributes.get("perm");
  return perm?.kind === "ints" ? (perm.value as readonly bigint[]).join() : "";
}
