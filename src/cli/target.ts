// What a gradient is taken of, as people write it: `logit(" cat")`, `logit(" cat") - logit(" dog")`, `logprob(17)`, `output[3]`.

import { PatchClampError } from "../core/errors.ts";
import type { Tokenizer } from "../network/tokenizer.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A number of a network's output. */
interface Term {
  readonly kind: "logit" | "logprob" | "output";
  /** A token as text or id; for `output`, the numbers between the brackets. */
  readonly token?: string | number;
  readonly at: readonly number[];
}

/** A term, or the difference of two. */
export interface Target {
  readonly source: string;
  readonly terms: readonly [Term] | readonly [Term, Term];
}

const TERM =
  /^\s*(?:(logit|logprob)\(\s*(?:"((?:[^"\\]|\\["\\nrt])*)"|(\d+))\s*(?:,\s*(-?\d+)\s*)?\)|output\[\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*\])\s*/;

/**
 * Reads what a gradient is to be taken of.
 *
 * @param source - `logit(TOKEN)`, `logprob(TOKEN)` or `output[INDEX, ...]`, or one of them minus another. A token is a text in quotes or an
 * id, with the position that predicts it behind a comma (default -1, the last)
 * @throws PatchClampError `BAD_OPTION` when it is something else
 */
export function parseTarget(source: string): Target {
  const first = termOf(source);
  const rest = first === undefined ? "" : source.slice(first.length);
  if (first !== undefined && rest === "") return { source, terms: [first.term] };
  const second = rest.startsWith("-") ? termOf(rest.slice(1)) : undefined;
  if (first !== undefined && second !== undefined && second.length === rest.length - 1) {
    return { source, terms: [first.term, second.term] };
  }
  throw new PatchClampError("BAD_OPTION", {
    where: "--of",
    problem: `${source} is nothing that a gradient is taken of here.`,
    fix: 'write logit("cat"), logprob("cat"), output[3], or one of them minus another; ids stand without quotes.',
  });
}

function termOf(source: string): { readonly term: Term; readonly length: number } | undefined {
  const [all, kind, text, id, position, indices] = TERM.exec(source) ?? [];
  if (all === undefined) return undefined;
  if (indices !== undefined) {
    return { term: { kind: "output", at: indices.split(",").map(Number) }, length: all.length };
  }
  const token = text === undefined ? Number(id) : (JSON.parse(`"${text}"`) as string);
  const at = [Number(position ?? -1)];
  return { term: { kind: kind as "logit" | "logprob", token, at }, length: all.length };
}

/**
 * The scalar that a target names, of a network's output.
 *
 * @param output - [batch, pos, dVocab], [batch, class] or, for `output[...]`, anything; of a batch, the first row is meant
 * @param tokenizer - for tokens given as texts
 * @throws PatchClampError `BAD_OPTION` when it names a number that is not there, a text that is not one token, or a token where the output
 * has no scores
 */
export function targetOf(
  { terms }: Target,
  output: Tensor,
  tokenizer: Tokenizer | undefined,
): Tensor {
  const [first, second] = terms.map((term) => valueOf(term, output, tokenizer));
  return second === undefined ? first! : first!.sub(second);
}

function valueOf(term: Term, output: Tensor, tokenizer: Tokenizer | undefined): Tensor {
  const { kind, token, at } = term;
  if (kind === "output") return numberAt(output, at);
  if (output.rank !== 2 && output.rank !== 3) {
    throw wrong(
      `the output is [${output.shape.join(", ")}], which holds no scores of tokens.`,
      "name a number of it, such as output[3].",
    );
  }
  const id = typeof token === "number" ? token : idOf(token!, tokenizer);
  const scores =
    kind === "logit" ? output : output.sub(output.logSumExp({ axis: -1, keepDims: true }));
  return numberAt(scores, output.rank === 3 ? [at[0]!, id] : [id]);
}

/** One number of the first row of a batch; where there is no batch, of all. */
function numberAt(x: Tensor, at: readonly number[]): Tensor {
  const indices = at.length === x.rank - 1 ? [0, ...at] : at;
  if (indices.length !== x.rank) {
    throw wrong(
      `the output is [${x.shape.join(", ")}], in which [${at.join(", ")}] names no number.`,
      `name ${x.rank === 1 ? "one index" : `the ${x.rank - 1} indices after the batch`}.`,
    );
  }
  return indices
    .reduce((part, index, axis) => {
      const size = x.shape[axis]!;
      const i = index < 0 ? size + index : index;
      if (i < 0 || i >= size) {
        throw wrong(
          `the output is [${x.shape.join(", ")}], and ${index} is outside its axis of ${size}.`,
          `write a number from 0 to ${size - 1}.`,
        );
      }
      return part.slice({ axis, start: i, end: i + 1 });
    }, x)
    .reshape([]);
}

function idOf(text: string, tokenizer: Tokenizer | undefined): number {
  if (tokenizer === undefined) {
    throw wrong(
      `"${text}" is a text, and the network has no tokenizer.`,
      "write the token's id, as in logit(17).",
    );
  }
  const ids = tokenizer.encode(text, { addSpecialTokens: false });
  const unknown = tokenizer.specialTokens["unk_token"];
  if (unknown !== undefined && text !== unknown && ids.includes(tokenizer.id(unknown) ?? -1))
    throw wrong(`"${text}" is not in the vocabulary.`, "write a word that the network knows.");
  if (ids.length === 1) return ids[0]!;
  const pieces = ids.map((id) => JSON.stringify(tokenizer.token(id))).join(", ");
  throw wrong(
    ids.length === 0 ? `"${text}" is no token.` : `"${text}" is ${ids.length} tokens: ${pieces}.`,
    "write one token; a space before a word belongs to it in most vocabularies.",
  );
}

function wrong(problem: string, fix: string): PatchClampError {
  return new PatchClampError("BAD_OPTION", { where: "--of", problem, fix });
}
