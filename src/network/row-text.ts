// The text of one row as it is written: what each token adds, and where a stop string or a JSON value ends it.

import { PatchClampError } from "../core/errors.ts";
import { JsonEnd } from "./json-end.ts";
import { TextStream } from "./text-stream.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What ends a row's text. */
export interface TextEnds {
  readonly stopStrings: readonly string[];
  readonly stopAtJson: boolean;
}

/** A token, and what it adds to the text. */
type Told<T> = T & { readonly text: string };

/** A place in the withheld text. */
interface Cut {
  /** What comes after it is not told ... */
  readonly at: number;
  /** ... as is known from what ends here. */
  readonly known: number;
}

/**
 * Gives every token its text.
 *
 * A token is withheld while its text may be the beginning of a stop string, or a character that is not whole. Of the tokens of a stop
 * string none is told, unless its text begins before.
 */
export class RowText<T extends { readonly id: number }> {
  readonly #ends: TextEnds;
  readonly #stream: TextStream | undefined;
  readonly #json = new JsonEnd();
  #withheld: Told<T>[] = [];
  /** Whether a stop string or a JSON value has ended the text. */
  isEnded = false;

  /** @param tokenizer - without one, texts are empty */
  constructor(tokenizer: Tokenizer | undefined, ends: TextEnds) {
    this.#stream = tokenizer && new TextStream(tokenizer);
    this.#ends = ends;
  }

  /** Takes the next token of the row, and tells those whose text is certain now. */
  add(token: T, isLast: boolean): Told<T>[] {
    const text = this.#stream?.add(token.id, isLast) ?? "";
    this.#withheld.push({ ...token, text });
    const pending = this.#withheld.map((told) => told.text).join("");
    const cut = this.#cut(pending, text);
    if (cut !== undefined) return this.#cutAt(cut.at);
    return isLast ? this.#tell(this.#withheld.length) : this.#tell(this.#certain(pending));
  }

  /** Tells what is withheld, as no token follows. */
  end(): Told<T>[] {
    const last = this.#withheld.pop();
    if (last === undefined) return [];
    this.#withheld.push({ ...last, text: last.text + (this.#stream?.end() ?? "") });
    return this.#tell(this.#withheld.length);
  }

  /** The place where what is complete first begins, a stop string, or ends, a JSON value. */
  #cut(pending: string, added: string): Cut | undefined {
    const { stopStrings, stopAtJson } = this.#ends;
    const cuts = stopStrings
      .map((stop) => ({ at: pending.indexOf(stop), stop }))
      .filter(({ at }) => at !== -1)
      .map(({ at, stop }) => ({ at, known: at + stop.length }));
    const length = stopAtJson ? this.#json.add(added) : undefined;
    if (length !== undefined) {
      const at = pending.length - added.length + length;
      cuts.push({ at, known: at });
    }
    return cuts.toSorted((a, b) => a.known - b.known || a.at - b.at)[0];
  }

  #cutAt(at: number): Told<T>[] {
    this.isEnded = true;
    const kept: Told<T>[] = [];
    let start = 0;
    for (const told of this.#withheld) {
      if (start >= at) break;
      kept.push({ ...told, text: told.text.slice(0, at - start) });
      start += told.text.length;
    }
    this.#withheld = [];
    return kept;
  }

  /** How many withheld tokens have all of their text before what may be a stop string, and whole characters. */
  #certain(pending: string): number {
    let end = pending.length - longestBeginning(pending, this.#ends.stopStrings);
    const uncertain = this.#withheld.findIndex(({ text }) => (end -= text.length) < 0);
    const most = this.#withheld.length - (this.#stream?.isHolding ? 1 : 0);
    return uncertain === -1 ? most : Math.min(most, uncertain);
  }

  #tell(count: number): Told<T>[] {
    return this.#withheld.splice(0, count);
  }
}

/** The length of the longest end of a text with which a stop string begins. */
function longestBeginning(text: string, stops: readonly string[]): number {
  return Math.max(
    0,
    ...stops.map((stop) => {
      let length = Math.min(stop.length - 1, text.length);
      while (!text.endsWith(stop.slice(0, length))) length--;
      return length;
    }),
  );
}

/**
 * Checks what is to end texts.
 *
 * @throws PatchClampError `BAD_OPTION` when a stop string is empty
 */
export function checkedEnds({
  stopStrings = [],
  stopAtJson = false,
}: {
  readonly [K in keyof TextEnds]?: TextEnds[K] | undefined;
}): TextEnds {
  if (!stopStrings.includes("")) return { stopStrings, stopAtJson };
  throw new PatchClampError("BAD_OPTION", {
    where: "generate",
    problem: "a stop string is empty, so it would end every text at once.",
    fix: "leave it out.",
  });
}
