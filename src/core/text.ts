// Names in error messages and names picked by pattern.

import picomatch from "picomatch/posix.js";

/** Characters of a name that are compared: a damaged file may hold names as long as itself. */
const COMPARED = 100;

/** `words` sorted by edit distance of their beginnings to that of `word`, nearest first, at most `count` of them. */
export function nearest(word: string, words: Iterable<string>, count = 3): string[] {
  const start = word.slice(0, COMPARED);
  return [...words]
    .map((candidate) => ({
      candidate,
      distance: editDistance(start, candidate.slice(0, COMPARED)),
    }))
    .toSorted((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

/** Insertions, deletions and substitutions that turn `a` into `b` (Levenshtein 1966). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(
        row[j]! + 1,
        next[j - 1]! + 1,
        row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    }
    row = next;
  }
  return row[b.length]!;
}

/**
 * A test for dotted names: `*` is any one part, `**` any number of parts, `{q,k}` a choice, `[0-3]` a range.
 *
 * @param pattern - such as `blocks.*.attn.{q,k}`
 */
export function dottedGlob(pattern: string): (name: string) => boolean {
  const matches = picomatch(pattern.replaceAll(".", "/"));
  return (name) => matches(name.replaceAll(".", "/"));
}

/** `1 site`, `2 sites`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
