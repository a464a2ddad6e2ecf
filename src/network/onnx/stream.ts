// The residual stream of a graph: the longest chain of sums in which each adds to the one before what was computed from it.

import type { GraphView, Sum } from "./graph-view.ts";
import { normOf } from "./norms.ts";

/** One thing added to the stream. */
export interface Link {
  readonly sum: Sum;
  /** The stream that it is added to, as the sum reads it. */
  readonly from: string;
  /** What is added. */
  readonly added: string;
  readonly previous: Link | undefined;
  readonly length: number;
  /** Whether what is added was computed from the stream before the previous sum. */
  readonly isBeside: boolean;
}

/** A residual stream. */
export interface Stream {
  readonly links: readonly Link[];
  /** Its values: before the first link and after each. */
  readonly states: readonly string[];
  /** Whether the stream itself is normalised after every sum. */
  readonly isNormed: boolean;
  /** Whether a value is the stream, or a norm of it: where a branch begins. */
  readonly isEntry: (value: string) => boolean;
  /** How many links other streams have, those of a single one left out. */
  readonly others: readonly number[];
}

/** The longest residual stream, the first of several. */
export function findStream(view: GraphView): Stream | undefined {
  const links = new Map<string, Link>();
  for (const sum of view.sums) {
    const link = linkOf(view, sum, links);
    if (link !== undefined) links.set(sum.out, link);
  }
  let last: Link | undefined;
  for (const link of links.values()) if (link.length > (last?.length ?? 0)) last = link;
  if (last === undefined) return undefined;
  const stream = streamOf(view, last);
  const own = new Set(stream.links);
  const continued = new Set([...links.values()].map(({ previous }) => previous));
  const others = [...links.values()]
    .filter((link) => !continued.has(link) && link.length > 1 && !reaches(link, own))
    .map(({ length }) => length);
  return { ...stream, others };
}

function reaches(link: Link, own: ReadonlySet<Link>): boolean {
  for (let at: Link | undefined = link; at !== undefined; at = at.previous)
    if (own.has(at)) return true;
  return false;
}

function linkOf(view: GraphView, sum: Sum, links: ReadonlyMap<string, Link>): Link | undefined {
  const shape = view.shape(sum.out);
  if (shape.length < 2 || shape.length > 3) return undefined;
  if (sum.terms.some((term) => view.shape(term).join() !== shape.join())) return undefined;
  const [a, b] = sum.terms;
  const found = [
    [a, b],
    [b, a],
  ].flatMap(([from, added]) => {
    const previous = links.get(trail(view, from!).at(-1)!);
    const isAfter = view.dependsOn(added!, view.root(from!));
    const isBeside =
      !isAfter && previous !== undefined && view.dependsOn(added!, view.root(previous.from));
    const length = (previous?.length ?? 0) + 1;
    const link = { sum, from: from!, added: added!, previous, length, isBeside };
    return isAfter || isBeside ? [link] : [];
  });
  return found.toSorted((x, y) => y.length - x.length)[0];
}

/** The values between one in the stream and the sum that it was: through reshapes and norms, each made of the next. */
function trail(view: GraphView, value: string): readonly string[] {
  const values = [...view.reshaped(value)];
  for (;;) {
    if (view.sum(values.at(-1)!) !== undefined) return values;
    const norm = normOf(view, values.at(-1)!);
    if (norm === undefined || values.includes(norm.x)) return values;
    values.push(...view.reshaped(norm.x));
  }
}

function streamOf(view: GraphView, last: Link): Omit<Stream, "others"> {
  const links: Link[] = [];
  for (let link: Link | undefined = last; link !== undefined; link = link.previous) {
    links.unshift(link);
  }
  const first = links[0]!;
  const isNormed = links.slice(1).some(({ from }) => normOf(view, view.root(from)) !== undefined);
  const roots = new Set([view.root(first.from), ...links.map(({ sum }) => sum.out)]);
  const isEntry = (value: string): boolean => {
    const root = view.root(value);
    if (roots.has(root)) return true;
    const norm = normOf(view, root);
    return norm !== undefined && roots.has(view.root(norm.x));
  };
  const states = [
    rowsOf(view, view.reshaped(first.from)),
    ...links.map(({ sum }, i) => {
      const next = links[i + 1];
      const values = next === undefined ? [sum.out] : view.reshaped(next.from);
      if (!isNormed) return rowsOf(view, next === undefined ? after(view, sum.out) : values);
      return rowsOf(view, next === undefined ? normAfter(view, sum.out) : values);
    }),
  ];
  return { links, states, isNormed, isEntry };
}

/** The earliest of values, each made of the next, that has the three axes of a stream. */
function rowsOf(view: GraphView, values: readonly string[]): string {
  return values.findLast((value) => view.shape(value).length === 3) ?? values.at(-1)!;
}

/** A value and what it is reshaped to, the last first. */
function after(view: GraphView, value: string): readonly string[] {
  const next = view.readers(value).flatMap(({ outputs }) => outputs.slice(0, 1));
  const reshape = next.find((output) => view.reshaped(output).includes(value));
  return reshape === undefined ? [value] : [reshape, value];
}

/** The norm of a sum, the last of its parts first. */
function normAfter(view: GraphView, sum: string): readonly string[] {
  const found: string[] = [];
  for (const { outputs } of view.graph.nodes) {
    const norm = normOf(view, outputs[0] ?? "");
    if (norm !== undefined && view.root(norm.x) === sum) found.push(outputs[0]!);
  }
  return found.length === 0 ? [sum] : [found.at(-1)!];
}
