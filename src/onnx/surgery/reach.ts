// What a graph needs to make some of its values, and graphs with nothing else in them.

import type { Field } from "../message.ts";
import { innerFields, textIn } from "./edit.ts";
import type { GraphView, NodeView } from "./graph-view.ts";
import { GRAPH } from "./graph-view.ts";

/** The nodes that `names` need, bodies' needs included. */
export function nodesFor(
  graph: GraphView,
  names: Iterable<string>,
  isGiven: (name: string) => boolean = () => false,
): Set<NodeView> {
  const needed = new Set<NodeView>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const maker = isGiven(name) ? undefined : graph.makers.get(name);
    if (maker === undefined || needed.has(maker)) continue;
    needed.add(maker);
    open.push(...maker.reads);
  }
  return needed;
}

/** What a smaller graph is made of. */
export interface Part {
  readonly nodes: ReadonlySet<NodeView>;
  /** Values that are now inputs, in their order, in place of what makes them. */
  readonly newInputs?: readonly Field[];
  readonly outputs: readonly Field[];
}

/** The fields of a graph with these nodes and outputs, and of everything else only what they need. */
export function partOf(
  graph: GraphView,
  { nodes, newInputs = [], outputs }: Part,
): readonly Field[] {
  const names = (fields: readonly Field[]): string[] => fields.map((field) => nameIn(field, 1));
  const made = new Set([...nodes].flatMap((node) => node.outputs));
  const read = new Set([...[...nodes].flatMap((node) => [...node.reads]), ...names(outputs)]);
  const exposed = new Set([...names(newInputs), ...names(outputs)]);
  const keptNodes = new Set([...nodes].map(({ field }) => field));
  const isKept = (field: Field): boolean => {
    if (field.no === GRAPH.node) return keptNodes.has(field);
    if (field.no === GRAPH.initializer) return read.has(nameIn(field, 8));
    if (field.no === GRAPH.input) return read.has(nameIn(field, 1));
    if (field.no === GRAPH.value) {
      const name = nameIn(field, 1);
      return made.has(name) && !exposed.has(name);
    }
    if (field.no === GRAPH.annotation) {
      const name = nameIn(field, 1);
      return made.has(name) || read.has(name);
    }
    return field.no !== GRAPH.output;
  };
  return [...graph.fields.filter(isKept), ...newInputs, ...outputs];
}

function nameIn(field: Field, no: number): string {
  const name = innerFields(field).findLast((inner) => inner.no === no);
  return name === undefined ? "" : textIn(name);
}
