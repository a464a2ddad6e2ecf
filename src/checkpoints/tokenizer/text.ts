/** Replaces the units from `start` up to and without `end`. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Units `[start, end)` of a text. */
export type Span = readonly [start: number, end: number];

/**
 * Text under way from a prompt to its tokens, every UTF-16 unit of which remembers where in the prompt it came from.
 *
 * Untouched text needs its first unit's position only; after the first edit there are two numbers a unit.
 */
export class AlignedText {
  readonly text: string;
  /** Where the text begins in the prompt, and so where a unit of empty text stands. */
  readonly #start: number;
  /** Start and end in the prompt of each unit; undefined where unit `i` is still the prompt's `#start + i`. */
  readonly #spans: Uint32Array | undefined;

  constructor(text: string, start = 0, spans?: Uint32Array) {
    this.text = text;
    this.#start = start;
    this.#spans = spans;
  }

  get length(): number {
    return this.text.length;
  }

  slice(start: number, end: number): AlignedText {
    if (start === 0 && end === this.length) return this;
    const [first] = this.span(start, start);
    return new AlignedText(
      this.text.slice(start, end),
      first,
      this.#spans?.subarray(2 * start, 2 * end),
    );
  }

  /** What the units `[start, end)` were in the prompt; units that were put in have an empty span. */
  span(start: number, end: number): Span {
    const from = this.#spanOf(start)[0];
    return start >= end ? [from, from] : [from, Math.max(from, this.#spanOf(end - 1)[1])];
  }

  #spanOf(unit: number): Span {
    if (this.#spans === undefined) return [this.#start + unit, this.#start + unit + 1];
    if (unit < this.length) return [this.#spans[2 * unit]!, this.#spans[2 * unit + 1]!];
    const end = unit === 0 ? this.#start : this.#spans[2 * unit - 1]!;
    return [end, end];
  }

  /**
   * Applies edits that stand in order and do not overlap.
   *
   * Every unit of an edit's text stands for the whole of what it replaces.
   */
  rewrite(edits: Iterable<Edit>): AlignedText {
    const given = [...edits];
    if (given.length === 0) return this;
    const grown = given.reduce((sum, { start, end, text }) => sum + text.length - (end - start), 0);
    const spans = new Uint32Array(2 * (this.length + grown));
    const parts: string[] = [];
    let from = 0;
    let filled = 0;
    const put = ([start, end]: Span): void => {
      spans[filled++] = start;
      spans[filled++] = end;
    };
    const keep = (to: number): void => {
      parts.push(this.text.slice(from, to));
      for (let unit = from; unit < to; unit++) put(this.#spanOf(unit));
      from = to;
    };
    for (const { start, end, text } of given) {
      keep(start);
      parts.push(text);
      const span = this.span(start, end);
      for (let unit = 0; unit < text.length; unit++) put(span);
      from = end;
    }
    keep(this.length);
    return new AlignedText(parts.join(""), this.#start, spans);
  }

  /** Replaces every match of a global pattern; a match that its replacement equals stays as it is. */
  replace(pattern: RegExp, replacement: (match: string) => string): AlignedText {
    return this.rewrite(replacements(this.text, pattern, replacement));
  }
}

function* replacements(
  text: string,
  pattern: RegExp,
  replacement: (match: string) => string,
): Iterable<Edit> {
  for (const match of text.matchAll(pattern)) {
    const after = replacement(match[0]);
    if (after === match[0]) continue;
    yield { start: match.index, end: match.index + match[0].length, text: after };
  }
}
