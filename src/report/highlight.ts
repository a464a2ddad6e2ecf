// Words of a class, found in running text.

import type { WordClass } from "./report.ts";

/** A piece of text; `mark` is the index of its word's class, absent between marked words. */
export interface Piece {
  text: string;
  mark?: number;
}

/** The text in pieces, so that every whole word of a class is a piece with its mark; a word's first class counts. */
export function marked(text: string, classes: readonly WordClass[]): Piece[] {
  const classOf = new Map<string, number>();
  for (const [mark, { words }] of [...classes.entries()].toReversed()) {
    for (const word of words) classOf.set(word.toLowerCase(), mark);
  }
  const pieces: Piece[] = [];
  let end = 0;
  for (const { 0: word, index } of text.matchAll(/[\p{L}\p{N}\p{M}'’]+/gu)) {
    const mark = classOf.get(word.toLowerCase());
    if (mark === undefined) continue;
    if (index > end) pieces.push({ text: text.slice(end, index) });
    pieces.push({ text: word, mark });
    end = index + word.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}
