// Trees: plain objects and arrays, nested as one likes, with values of one kind at the leaves (parameters, gradients).

import { PatchClampError } from "./errors.ts";

/** Nested records and arrays with `T` at the leaves. */
export type Tree<T> = T | { readonly [key: string]: Tree<T> } | readonly Tree<T>[];

type IsLeaf = (value: unknown) => boolean;

function isBranch(value: unknown): value is Record<string, unknown> | readonly unknown[] {
  if (Array.isArray(value)) return true;
  return (
    typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}

/** Everything that is neither a plain object nor an array is a leaf. */
const notBranch: IsLeaf = (value) => !isBranch(value);

/** The leaves of a tree with their dotted paths (`blocks.0.attn.wQ`), in key order. */
export function leaves<T>(tree: Tree<T>, isLeaf: IsLeaf = notBranch): [path: string, leaf: T][] {
  const found: [string, T][] = [];
  const visit = (node: Tree<T>, path: string): void => {
    if (isLeaf(node)) {
      found.push([path, node as T]);
      return;
    }
    for (const [key, child] of Object.entries(node as Record<string, Tree<T>>)) {
      visit(child, path === "" ? key : `${path}.${key}`);
    }
  };
  visit(tree, "");
  return found;
}

/** A tree of the same form with `fn(leaf, path)` at every leaf. */
export function mapTree<T, U>(
  tree: Tree<T>,
  fn: (leaf: T, path: string) => U,
  isLeaf: IsLeaf = notBranch,
): Tree<U> {
  const visit = (node: Tree<T>, path: string): Tree<U> => {
    if (isLeaf(node)) return fn(node as T, path);
    const join = (key: string | number): string => (path === "" ? String(key) : `${path}.${key}`);
    if (Array.isArray(node)) return node.map((child: Tree<T>, i) => visit(child, join(i)));
    const entries = Object.entries(node as Record<string, Tree<T>>);
    return Object.fromEntries(entries.map(([key, child]) => [key, visit(child, join(key))]));
  };
  return visit(tree, "");
}

/**
 * A tree of the form of `like` that holds `values` in leaf order.
 *
 * @throws PatchClampError `SHAPE_MISMATCH` when the number of values is not the number of leaves
 */
export function fillTree<T, U>(
  like: Tree<T>,
  values: readonly U[],
  isLeaf: IsLeaf = notBranch,
): Tree<U> {
  let next = 0;
  const filled = mapTree<T, U>(like, () => values[next++]!, isLeaf);
  if (next !== values.length) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "fillTree",
      problem: `the tree has ${next} leaves, but ${values.length} values were given.`,
    });
  }
  return filled;
}

/**
 * The tree in which each leaf lies at its dotted path; a part that is a whole number makes a list.
 *
 * The inverse of `leaves`.
 */
export function treeOf<T>(entries: Iterable<readonly [path: string, leaf: T]>): Tree<T> {
  const root: Record<string, unknown> = {};
  for (const [path, leaf] of entries) {
    const parts = path.split(".");
    let branch = root;
    for (const [i, part] of parts.slice(0, -1).entries()) {
      branch[part] ??= /^\d+$/.test(parts[i + 1]!) ? [] : {};
      branch = branch[part] as Record<string, unknown>;
    }
    branch[parts.at(-1)!] = leaf;
  }
  return root as Tree<T>;
}
