// Drafts of what comes next, found in the text itself: what followed the last words where they stood before.

/** Words of an end that is looked for, at most. */
const LONGEST_END = 3;

/**
 * Guesses the next tokens of a text: those that followed the latest earlier place with its longest known end, of up to three tokens.
 *
 * @param ids - the text
 * @param most - tokens of a guess, at most
 * @returns the guess; empty where no end stood there before
 * @source Saxena 2023, "Prompt Lookup Decoding"; checked as Leviathan et al. 2022, arXiv:2211.17192
 */
export function lookUpNext(ids: readonly number[], most: number): readonly number[] {
  for (let length = Math.min(LONGEST_END, ids.length - 1); length > 0; length--) {
    const end = ids.length - length;
    for (let start = end - 1; start >= 0; start--) {
      let same = 0;
      while (same < length && ids[start + same] === ids[end + same]) same++;
      if (same === length) return ids.slice(start + length, start + length + most);
    }
  }
  return [];
}
