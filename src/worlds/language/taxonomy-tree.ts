// The tree of the taxonomy skill: realms, orders and kinds with made-up names. It is the same for every seed.

import { PatchClampError } from "../../core/errors.ts";
import { nearest } from "../../core/text.ts";

/** How high a node stands: kinds are in orders, and orders are in realms. */
export type Rank = "realm" | "order" | "kind";

/** A realm, an order or a kind. */
export interface TaxonomyNode {
  readonly name: string;
  readonly rank: Rank;
  /** A letter for the realm, a digit for the order and a digit for the kind, such as `["K", "3", "1"]`. */
  readonly code: readonly string[];
  /** What all below it have; kinds have nothing of their own. */
  readonly property?: string;
  /** The node above; a realm has none. */
  readonly parent?: TaxonomyNode;
  readonly children: readonly TaxonomyNode[];
}

const list = (words: string): string[] => words.split(" ");

const names = {
  brel: { korm: "dalf worg nibb tesk", plim: "sarn gulf hesp ruvo", dorv: "fenk lusk mabb toff" },
  quom: { zard: "bisp corl jeth wumm", snib: "garv kelt plon drus", yath: "hobb nurl skep tarb" },
  stiv: { glet: "baxo corv dimp frell", murn: "huxa jorb kiff lomp", prax: "narg vosk rimm sulf" },
};
const letters = list("K R T");

/** What all below a realm have. */
export const realmProperties: readonly string[] = list("fur scales feathers");

/** What all below an order have. */
export const orderProperties: readonly string[] = list("horns wings claws");

/** The realms: the tops of the tree. */
const taxonomyRealms: readonly TaxonomyNode[] = Object.entries(names).map(([name, orders], i) => {
  const realm = {
    name,
    rank: "realm" as const,
    code: [letters[i]!],
    property: realmProperties[i]!,
    children: [] as TaxonomyNode[],
  };
  realm.children = Object.entries(orders).map((entry, k) =>
    // Turned by one from realm to realm, so that an order's digit alone does not tell its property.
    orderOf(realm, entry, k, orderProperties[(i + k) % 3]!),
  );
  return realm;
});

function orderOf(
  parent: TaxonomyNode,
  [name, kinds]: [string, string],
  i: number,
  property: string,
): TaxonomyNode {
  const code = [...parent.code, String(i + 1)];
  const order = { name, rank: "order" as const, code, property, parent, children: [] as unknown[] };
  order.children = list(kinds).map((kind, k): TaxonomyNode => ({
    name: kind,
    rank: "kind",
    code: [...code, String(k + 1)],
    parent: order as TaxonomyNode,
    children: [],
  }));
  return order as TaxonomyNode;
}

/** The orders, realm by realm. */
export const taxonomyOrders: readonly TaxonomyNode[] = taxonomyRealms.flatMap(
  ({ children }) => children,
);

/** The kinds, order by order. */
export const taxonomyKinds: readonly TaxonomyNode[] = taxonomyOrders.flatMap(
  ({ children }) => children,
);

/** Every node: the realms, then the orders, then the kinds. */
export const taxonomyNodes: readonly TaxonomyNode[] = [
  ...taxonomyRealms,
  ...taxonomyOrders,
  ...taxonomyKinds,
];

/**
 * A node by its name.
 *
 * @throws PatchClampError `UNKNOWN_NAME` when there is none
 */
export function taxonomyNode(name: string): TaxonomyNode {
  const found = taxonomyNodes.find((node) => node.name === name);
  if (found !== undefined) return found;
  const known = taxonomyNodes.map((node) => node.name);
  throw new PatchClampError("UNKNOWN_NAME", {
    where: "taxonomyNode",
    problem: `the taxonomy has no node "${name}".`,
    fix: `did you mean ${nearest(name, known).join(", ")}?`,
  });
}

/** The nodes above a node, from its parent to its realm. */
export function ancestorsOf({ parent }: TaxonomyNode): TaxonomyNode[] {
  return parent === undefined ? [] : [parent, ...ancestorsOf(parent)];
}

/** What a node has: its realm's property, then its order's. */
export function propertiesOf(node: TaxonomyNode): string[] {
  return [node, ...ancestorsOf(node)].flatMap(({ property }) => property ?? []).toReversed();
}
