import type { AlignedText, Edit } from "./text.ts";

/**
 * SentencePiece's table of replacements, as Python's `tokenizers` applies it.
 *
 * The table is a double-array trie over UTF-8 bytes (Darts-clone) and the texts its values point into: four bytes with the trie's
 * size, the trie, then texts that end with a zero byte. A grapheme of fewer than six bytes is looked up whole, then characters one
 * by one; of several matches the shortest counts. SentencePiece itself takes the longest, which differs for few scripts.
 *
 * @param base64 - `precompiled_charsmap` of a `tokenizer.json`
 * @throws Error when the table is cut short
 */
export function charsmapNormaliser(base64: string): (text: AlignedText) => AlignedText {
  const blob = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const view = new DataView(blob.buffer);
  const trieBytes = view.getUint32(0, true);
  if (trieBytes % 4 !== 0 || trieBytes < 4 || 4 + trieBytes > blob.length) {
    throw new Error(`its charsmap of ${blob.length} bytes announces a trie of ${trieBytes}`);
  }
  const trie = Uint32Array.from({ length: trieBytes / 4 }, (_, i) =>
    view.getUint32(4 + 4 * i, true),
  );
  const texts = blob.subarray(4 + trieBytes);
  const known = new Map<string, string | undefined>();
  const lookUp = (piece: string): string | undefined => {
    if (!known.has(piece)) known.set(piece, textAt(texts, shortestMatch(trie, piece)));
    return known.get(piece);
  };
  return (text) => text.rewrite(edits(text.text, lookUp));
}

function* edits(text: string, lookUp: (piece: string) => string | undefined): Iterable<Edit> {
  for (const { segment, index } of graphemesOf(text)) {
    const isShort = segment.length === 1 || utf8.encode(segment).length < 6;
    const whole = isShort ? lookUp(segment) : undefined;
    if (whole !== undefined) {
      yield { start: index, end: index + segment.length, text: whole };
      continue;
    }
    let start = index;
    for (const char of segment) {
      const after = lookUp(char);
      if (after !== undefined) yield { start, end: start + char.length, text: after };
      start += char.length;
    }
  }
}

// Graphemes in order; ASCII between ASCII is taken by itself, since the segmenter is slow.
function* graphemesOf(text: string): Iterable<{ segment: string; index: number }> {
  for (const { 0: run, index } of text.matchAll(asciiOrRun)) {
    if (run.length === 1) yield { segment: run, index };
    else {
      for (const part of graphemes.segment(run)) {
        yield { segment: part.segment, index: index + part.index };
      }
    }
  }
}

/** A run has the ASCII character before and after it, which marks may belong to. */
const asciiOrRun = /\r\n|(?:\p{ASCII}?\P{ASCII})+\p{ASCII}?|\p{ASCII}/gu;
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const utf8 = new TextEncoder();

/** Where the text of the shortest prefix of `piece` begins that is in the trie. */
function shortestMatch(trie: Uint32Array, piece: string): number | undefined {
  let node = childrenOffset(trie[0]!);
  for (const byte of utf8.encode(piece)) {
    if (byte === 0) return undefined;
    node ^= byte;
    const unit = trie[node];
    if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
    node ^= childrenOffset(unit);
    const hasValue = ((unit >>> 8) & 1) === 1;
    if (hasValue) return (trie[node] ?? 0) & 0x7fffffff;
  }
  return undefined;
}

function childrenOffset(unit: number): number {
  return (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
}

function textAt(texts: Uint8Array, start: number | undefined): string | undefined {
  if (start === undefined || start >= texts.length) return undefined;
  const end = texts.indexOf(0, start);
  return new TextDecoder().decode(texts.subarray(start, end < 0 ? texts.length : end));
}
