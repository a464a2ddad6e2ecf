// Text and words, by one rule: words are parted by spaces, and `, . ? ! : ;` are words of their own that are written
// without a space before them.

/**
 * Splits a text into its words.
 *
 * @param text - such as `Mira found a kite.`
 * @returns the words in order, such as `["Mira", "found", "a", "kite", "."]`
 */
export function toWords(text: string): string[] {
  return text.match(/[,.?!:;]|[^\s,.?!:;]+/g) ?? [];
}

/**
 * Joins words into a text: the inverse of `toWords`.
 *
 * @param words - such as `["Mira", "found", "a", "kite", "."]`
 * @returns the text, such as `Mira found a kite.`
 */
export function toText(words: readonly string[]): string {
  return words.join(" ").replaceAll(/ ([,.?!:;])/g, "$1");
}
