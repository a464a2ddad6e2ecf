import { PatchClampError } from "../../core/errors.ts";
import type { Tokenizer } from "../tokenizer.ts";

/** What is asked of a network whose tokens are named. */
interface Vocabulary {
  readonly config: { readonly dVocab: number };
  readonly tokenizer: Tokenizer;
}

/**
 * Finds the ids of biased tokens. A text is looked up as the vocabulary writes it (`Ġred`), then as a text of one token (` red`).
 *
 * @returns biases by id; those of one token are added up
 * @throws PatchClampError `BAD_OPTION` when a bias is no number, an id is not in the vocabulary, or a text is not one token, and
 * `BAD_INPUT` when the network has no tokenizer to look a text up
 */
export function biasById(
  net: Vocabulary,
  biases: Iterable<readonly [token: number | string, bias: number]>,
): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const [token, bias] of biases) {
    if (!Number.isFinite(bias))
      throw refused(`that of ${show(token)} is ${bias}, not a finite number.`);
    const id = typeof token === "number" ? token : idOf(net.tokenizer, token);
    const { dVocab } = net.config;
    if (!Number.isInteger(id) || id < 0 || id >= dVocab) {
      throw refused(`token id ${id} is not in the vocabulary, whose ids are 0..${dVocab - 1}.`);
    }
    found.set(id, (found.get(id) ?? 0) + bias);
  }
  return found;
}

function idOf(tokenizer: Tokenizer, text: string): number {
  const known = tokenizer.id(text);
  if (known !== undefined) return known;
  const ids = tokenizer.encode(text, { addSpecialTokens: false });
  if (ids.length !== 1) {
    throw refused(`${show(text)} is ${ids.length} tokens, not one.`, "give each of them, or ids.");
  }
  // what stands for unknown words is one token too, but not that of this text
  if (tokenizer.decode(ids).trim() === text.trim()) return ids[0]!;
  throw refused(`${show(text)} is not in the vocabulary.`, "give a token of it, or an id.");
}

function show(token: number | string): string {
  return typeof token === "number" ? `token ${token}` : JSON.stringify(token);
}

function refused(problem: string, fix?: string): PatchClampError {
  return new PatchClampError("BAD_OPTION", {
    where: "generate",
    problem: `logitBias: ${problem}`,
    ...(fix === undefined ? {} : { fix }),
  });
}
