/**
 * Finds where a JSON value ends in a text that comes in pieces.
 *
 * The value is the first object or list, whatever stands before it; or a string, when the text begins with one. Brackets and strings
 * are all it looks at: whether what they hold is JSON is not checked.
 */
export class JsonEnd {
  #depth = 0;
  #hasBegun = false;
  #isInString = false;
  #isEscaped = false;

  /** How many UTF-16 units of this piece belong to the value, once it is complete. */
  add(piece: string): number | undefined {
    for (let i = 0; i < piece.length; i++) if (this.#closes(piece[i]!)) return i + 1;
    return undefined;
  }

  #closes(unit: string): boolean {
    if (this.#isInString) {
      const isEscaped = this.#isEscaped;
      this.#isEscaped = !isEscaped && unit === "\\";
      if (isEscaped || unit !== '"') return false;
      this.#isInString = false;
      return this.#depth === 0;
    }
    if (unit === '"') this.#isInString = this.#depth > 0 || !this.#hasBegun;
    if (unit === "{" || unit === "[") this.#depth++;
    if (unit.trim() !== "") this.#hasBegun = true;
    if ((unit !== "}" && unit !== "]") || this.#depth === 0) return false;
    return --this.#depth === 0;
  }
}
