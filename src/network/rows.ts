// What every network that reads tokens asks of them.

import { PatchClampError } from "../core/errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Checks the token ids of one row.
 *
 * @param where - the network's name
 * @param what - what the error calls the row, such as `prompt 2`
 * @throws PatchClampError `BAD_INPUT` when the row is empty or longer than the context, or an id is not in the vocabulary
 */
export function checkRow(
  where: string,
  row: readonly number[],
  what: string,
  { dVocab, nCtx }: { readonly dVocab: number; readonly nCtx: number },
): void {
  if (row.length === 0) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: `${what} has no tokens.`,
      fix: "give at least one.",
    });
  }
  if (row.length > nCtx) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: `${what} has ${row.length} tokens, but the context holds ${nCtx}.`,
      fix: "shorten it.",
      facts: { tokens: row.length, nCtx },
    });
  }
  const odd = row.find((id) => !Number.isInteger(id) || id < 0 || id >= dVocab);
  if (odd !== undefined) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: `token id ${odd} is not in the vocabulary, whose ids are 0..${dVocab - 1}.`,
      fix: "tokenise the text with this network's own tokenizer.",
    });
  }
}

/**
 * A network's tokenizer.
 *
 * @throws PatchClampError `BAD_INPUT` when it has none
 */
export function tokenizerOf(where: string, tokenizer: Tokenizer | undefined): Tokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new PatchClampError("BAD_INPUT", {
    where,
    problem: "this network has no tokenizer, so it cannot read or write text.",
    fix: "put its tokenizer.json beside the weights, or give token ids.",
  });
}
