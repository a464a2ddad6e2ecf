// The logit lens as something to look at.

import type { LanguageNetwork } from "../network/language.ts";
import { logitLens } from "../network/lens.ts";
import { tokenLabel } from "../network/tokenizer.ts";
import { tokenGrid } from "../report/index.ts";
import type { Section } from "../report/index.ts";
import { evaluate } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";

/** A token that may come next. */
export interface NextToken {
  readonly id: number;
  readonly token: string;
  readonly probability: number;
}

/** What each layer would say next: [layer][position], the likeliest token. */
export interface LensGrid {
  readonly layers: readonly {
    readonly site: string;
    readonly label: string;
    readonly cells: readonly NextToken[];
  }[];
  /** The network's own answer after the last position, likeliest first. */
  readonly next: readonly NextToken[];
}

/** Reads the likeliest next token of every layer and position, in one graph. */
export async function lensGrid(
  net: LanguageNetwork,
  ids: readonly number[],
  count = 5,
): Promise<LensGrid> {
  const rows = logitLens(net, [ids]).map(({ site, logits }) => ({
    site,
    ...logits.squeeze(0).softmax().topK({ k: 1 }),
  }));
  const next = lastTop(net, net.trace([ids]).logits, count);
  await evaluate([...rows, next].flatMap(({ values, indices }) => [values, indices]));
  const label = (site: string): string => {
    const block = /^blocks\.(\d+)\.resid_post$/.exec(site)?.[1];
    if (block === undefined) return "input";
    return Number(block) === net.config.nLayers - 1 ? "output" : `layer ${block}`;
  };
  return {
    layers: await Promise.all(
      rows.map(async ({ site, values, indices }) => ({
        site,
        label: label(site),
        cells: await nextTokens(net, values, indices),
      })),
    ),
    next: await nextTokens(net, next.values, next.indices),
  };
}

/**
 * The likeliest tokens after the last position.
 *
 * @param logits - [1, pos, dVocab]
 */
export async function likeliestNext(
  net: LanguageNetwork,
  logits: Tensor,
  count: number,
): Promise<NextToken[]> {
  const { values, indices } = lastTop(net, logits, count);
  await evaluate([values, indices]);
  return nextTokens(net, values, indices);
}

function lastTop(
  { config }: LanguageNetwork,
  logits: Tensor,
  count: number,
): { values: Tensor; indices: Tensor } {
  const output = logits.slice({ axis: 1, start: -1 }).reshape([-1]).softmax();
  return output.topK({ k: Math.min(count, config.dVocab) });
}

async function nextTokens(
  net: LanguageNetwork,
  values: Tensor,
  indices: Tensor,
): Promise<NextToken[]> {
  const [probabilities, ids] = [await values.numbers(), await indices.numbers()];
  return Array.from(ids, (id, i) => ({
    id,
    token: tokenLabel(net, id),
    probability: probabilities[i]!,
  }));
}

/** The grid in colour, beginning at position `from`. */
export function lensSection(
  tokens: readonly string[],
  { layers }: LensGrid,
  { from = 0, ...heading }: { title: string; note: string; from?: number },
): Section {
  return tokenGrid({
    ...heading,
    rows: layers.map(({ label }) => label),
    columns: tokens.slice(from),
    cells: layers.map(({ cells }) =>
      cells.slice(from).map(({ token, probability }) => ({ text: token, value: probability })),
    ),
    rowTitle: "read at",
    columnTitle: "after this word of the prompt",
    unit: "probability",
  });
}
