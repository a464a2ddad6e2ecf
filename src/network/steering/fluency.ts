// Whether texts hold together: how odd a steered network finds neutral text, and how much it repeats itself.

import { PatchClampError } from "../../core/errors.ts";
import type { CollapseBounds } from "../../values/index.ts";
import type { LanguageNetwork } from "../language.ts";
import type { Doses, Measuring, Text } from "./doses.ts";
import { idsOf, mean } from "./doses.ts";
import type { Passage } from "./scoring.ts";
import { logProbabilities } from "./scoring.ts";

/**
 * Splits neutral texts in the middle: the first half is given, the second is scored as if it were being written.
 *
 * @throws PatchClampError `BAD_INPUT` when there are no texts, or one has fewer than two tokens
 */
export function neutralPassages(net: LanguageNetwork, texts: readonly Text[]): Passage[] {
  const passages = texts.map((text) => {
    const ids = idsOf(net, text);
    const half = Math.ceil(ids.length / 2);
    return { given: ids.slice(0, half), written: ids.slice(half) };
  });
  const short = passages.findIndex(({ written }) => written.length === 0);
  if (passages.length > 0 && short < 0) return passages;
  throw new PatchClampError("BAD_INPUT", {
    where: "doseCurve",
    problem:
      passages.length === 0
        ? "there are no neutral texts, so what the interventions harm cannot be measured."
        : `neutral text ${short} has fewer than two tokens, so there is nothing to score.`,
    fix: "give texts of a sentence or more that have nothing to do with the effect.",
  });
}

/**
 * Perplexity of passages under a steered network: exp of the mean surprise at a token of their second parts.
 *
 * @returns one for each strength, at least 1; the largest float64 where it would be larger, or where the network's numbers overflow
 * @throws PatchClampError what `logProbabilities` throws
 */
export async function perplexities(
  net: LanguageNetwork,
  doses: Doses,
  passages: readonly Passage[],
  how: Measuring,
): Promise<number[]> {
  const found = await logProbabilities(net, doses, passages, how);
  return found.map((scores) => {
    const perplexity = Math.exp(-mean(scores.flat()));
    return perplexity < Infinity ? perplexity : Number.MAX_VALUE;
  });
}

/** Tokens in the pieces whose repetition is counted. */
const PIECE = 4;

/**
 * The share of a text's pieces of `n` tokens that it has said before: 1 - different pieces / pieces.
 *
 * @param n - at least 1. Default 4
 * @returns 0..1; 0 for a text shorter than a piece
 * @source Welleck, Kulikov, Roller, Dinan, Cho & Weston 2020, arXiv:1908.04319 (seq-rep-n); Holtzman, Buys, Du, Forbes & Choi 2020,
 * arXiv:1904.09751 (why texts fall into loops)
 */
export function repetition(ids: readonly number[], n = PIECE): number {
  const pieces = Array.from({ length: Math.max(0, ids.length - n + 1) }, (_, i) =>
    ids.slice(i, i + n).join(),
  );
  return pieces.length === 0 ? 0 : 1 - new Set(pieces).size / pieces.length;
}

/** What is known of the texts at a strength. */
export interface FluencyPoint {
  readonly strength: number;
  readonly perplexity?: number | undefined;
  readonly repetition?: number | undefined;
}

/**
 * The first strength, from zero on, at which texts fall apart.
 *
 * @param points - on one side of zero or both
 * @param plain - the point without interventions
 * @param side - 1 for strengths above zero, -1 for those below
 * @returns undefined where none does
 */
export function collapseOf(
  points: readonly FluencyPoint[],
  plain: FluencyPoint,
  bounds: CollapseBounds,
  side: 1 | -1,
): number | undefined {
  const ofSide = points
    .filter(({ strength }) => strength * side > 0)
    .toSorted((a, b) => Math.abs(a.strength) - Math.abs(b.strength));
  return ofSide.find((one) => hasCollapsed(one, plain, bounds))?.strength;
}

function hasCollapsed(one: FluencyPoint, plain: FluencyPoint, bounds: CollapseBounds): boolean {
  const isOdd = (one.perplexity ?? 0) > bounds.perplexity * (plain.perplexity ?? Infinity);
  return isOdd || (one.repetition ?? 0) > bounds.repetition + (plain.repetition ?? 1);
}
