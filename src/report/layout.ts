// Text in columns of a terminal, where a character may be two columns wide.

import stringWidth from "string-width";

export type Align = "left" | "right" | "center";

/** How many columns the text takes in a terminal; colour codes take none. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** The text with spaces up to `width` columns; longer text stays as it is. */
export function pad(text: string, width: number, align: Align = "left"): string {
  const space = Math.max(0, width - widthOf(text));
  const before = align === "left" ? 0 : align === "right" ? space : Math.floor(space / 2);
  return " ".repeat(before) + text + " ".repeat(space - before);
}

/** Plain text cut to `width` columns, with … at the end when something was cut. */
export function shorten(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  return `${clip(text, width - 1)}…`;
}

/** Plain text in lines of at most `width` columns, broken at spaces; a longer word is broken inside. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/ +/).filter((part) => part !== "")) {
    let rest = word;
    if (line !== "" && widthOf(line) + 1 + widthOf(rest) <= width) {
      line += ` ${rest}`;
      continue;
    }
    if (line !== "") lines.push(line);
    while (widthOf(rest) > width) {
      const start = clip(rest, width);
      lines.push(start);
      rest = rest.slice(start.length);
    }
    line = rest;
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line];
}

/** As much of the text's beginning as fits `width` columns, whole characters only, at least one. */
export function clip(text: string, width: number): string {
  let start = "";
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (start !== "" && widthOf(start + segment) > width) break;
    start += segment;
  }
  return start;
}

/** Neighbouring columns in groups that each fit `room`, so that a wide grid folds into blocks. */
export function fold(widths: readonly number[], room: number): number[][] {
  const groups: number[][] = [];
  let used = Infinity;
  for (const [i, width] of widths.entries()) {
    if (used + width > room) {
      groups.push([]);
      used = 0;
    }
    groups.at(-1)!.push(i);
    used += width;
  }
  return groups;
}
