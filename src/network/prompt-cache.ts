// What was computed for earlier texts, for prompts that begin alike: the turns of a chat, questions about one document.

import { PatchClampError } from "../core/errors.ts";
import type { WovenRow } from "./interventions.ts";
import type { RowCache } from "./row-cache.ts";

/** A text that was read, and how. */
export interface ReadText {
  /** The parameters it was read with, which are compared by identity. */
  readonly reader: unknown;
  readonly ids: readonly number[];
  /** What interventions did to it. Undefined where there were none. */
  readonly woven: WovenRow | undefined;
}

interface Entry extends ReadText {
  readonly kept: RowCache;
}

/** Options of `PromptCache`. */
export interface PromptCacheOptions {
  /** Bytes of keys and values above which the texts that were used longest ago go. Default 512 MiB. */
  maxBytes?: number;
}

/**
 * Keeps the keys and values of texts from one call of `generate` to the next, so that of a prompt only what follows the longest
 * known beginning is read: `net.generate(prompt, { cache })`.
 *
 * The result is the one without it, up to rounding. It serves prompts of one row with one continuation; calls that
 * edit with functions or record sites read the whole prompt, and so do interventions whose conditions remember, networks with recurrent
 * layers, and those in which a token more changes earlier positions. Calls at the same time may share it.
 */
export class PromptCache {
  readonly #maxBytes: number;
  /** In order of last use. */
  readonly #entries = new Set<Entry>();

  /** @throws PatchClampError `BAD_OPTION` when `maxBytes` is no number of at least 0 */
  constructor({ maxBytes = 512 * 2 ** 20 }: PromptCacheOptions = {}) {
    if (!(maxBytes >= 0)) {
      throw new PatchClampError("BAD_OPTION", {
        where: "PromptCache",
        problem: `maxBytes is ${maxBytes}, not a number of at least 0.`,
      });
    }
    this.#maxBytes = maxBytes;
  }

  /** Texts that are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** Bytes of keys and values that are kept. */
  get bytes(): number {
    return [...this.#entries].reduce((sum, { kept }) => sum + kept.bytes, 0);
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
  }

  /**
   * A copy of the longest beginning of a text that is known; never all of it, as something must be read to go on.
   *
   * @param reserve - tokens that it must have room for
   * @returns undefined where nothing is known
   */
  beginningOf(text: ReadText, reserve: number): RowCache | undefined {
    let best: Entry | undefined;
    let most = 0;
    for (const entry of this.#entries) {
      const length = Math.min(sharedLength(entry, text), text.ids.length - 1);
      if (length > most) [best, most] = [entry, length];
    }
    if (best === undefined) return undefined;
    this.#entries.delete(best);
    this.#entries.add(best);
    return best.kept.beginning(most, reserve);
  }

  /** Takes what was kept of a text, in place of what was kept of its beginnings. Nobody may write to it any more. */
  keep(text: ReadText, kept: RowCache): void {
    for (const entry of this.#entries) {
      if (sharedLength(entry, text) === entry.ids.length) this.#entries.delete(entry);
    }
    this.#entries.add({ ...text, kept });
    for (const entry of this.#entries) {
      if (this.bytes <= this.#maxBytes) return;
      this.#entries.delete(entry);
    }
  }
}

/** How many tokens two texts begin with that were read alike. */
function sharedLength(a: ReadText, b: ReadText): number {
  if (a.reader !== b.reader || !isWovenAlike(a.woven, b.woven)) return 0;
  const gates = Object.keys(a.woven?.gates ?? {}).map((name) => [
    a.woven!.gates[name]!,
    b.woven!.gates[name]!,
  ]);
  const most = Math.min(a.ids.length, b.ids.length);
  let length = 0;
  const isAlike = (i: number): boolean =>
    a.ids[i] === b.ids[i] && gates.every(([own, other]) => own![i] === other![i]);
  while (length < most && isAlike(length)) length++;
  return length;
}

/** Whether interventions are the same, wherever in a text they act. */
function isWovenAlike(a: WovenRow | undefined, b: WovenRow | undefined): boolean {
  if (a?.form !== b?.form) return false;
  return Object.entries(a?.fixed ?? {}).every(([name, data]) => {
    const other = b!.fixed[name];
    return (
      other?.length === data.length && Array.prototype.every.call(data, (x, i) => x === other[i])
    );
  });
}
