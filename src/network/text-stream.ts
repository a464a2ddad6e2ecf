import { hasToken } from "./tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Tokens that are decoded with every new one; four bytes are enough to know where a character begins. */
const KEPT = 8;

/**
 * Decodes tokens as they come, holding back a character until all of its bytes are there.
 *
 * The pieces, joined, are what decoding all tokens at once gives, special tokens left out. A few recent tokens are decoded with each
 * new one, since what stands before a token decides on spaces and half characters; so a long text costs as much a token as a short one.
 */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  #recent: number[] = [];
  /** The end of the recent tokens' text that has not been given out, in UTF-16 units. */
  #held = 0;
  #length = 0;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** What the id adds to the text; with the last one, whatever was held back. */
  add(id: number, isLast: boolean): string {
    if (hasText(this.#tokenizer, id)) this.#recent.push(id);
    const text = this.#decode(this.#recent);
    const shown = this.#length - this.#held;
    // Bytes of a character that is not whole decode to one U+FFFD at the end, and so does a U+FFFD of the text itself.
    this.#held = !isLast && text.endsWith("\uFFFD") ? 1 : 0;
    this.#length = text.length;
    const added = text.slice(shown, text.length - this.#held);
    if (this.#recent.length >= 2 * KEPT) this.#forget();
    return added;
  }

  /** Whether the last token's character may not be whole. */
  get isHolding(): boolean {
    return this.#held > 0;
  }

  /** Gives out what was held back, when no token follows. */
  end(): string {
    const held = this.#held;
    this.#held = 0;
    return "\uFFFD".repeat(held);
  }

  /** Drops all but the latest tokens, unless these alone have no text: then the first of them would lose its space. */
  #forget(): void {
    const latest = this.#recent.slice(-KEPT);
    const { length } = this.#decode(latest);
    if (length <= this.#held) return;
    this.#recent = latest;
    this.#length = length;
  }

  #decode(ids: readonly number[]): string {
    return this.#tokenizer.decode(ids, { skipSpecialTokens: true });
  }
}

function hasText(tokenizer: Tokenizer, id: number): boolean {
  return hasToken(tokenizer, id) && !tokenizer.isSpecial(id);
}
