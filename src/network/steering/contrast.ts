// Contrasts: texts of two kinds, of which a direction is made, and what a network makes of them at its sites.

import { PatchClampError } from "../../core/errors.ts";
import type { Rng } from "../../core/rng.ts";
import { plural } from "../../core/text.ts";
import { tensor } from "../../tensor/ops/creation.ts";
import { evaluate } from "../../tensor/evaluate.ts";
import type { LanguageNetwork } from "../language.ts";

/** Texts of two kinds. As many of each are pairs: the first with the first, and so on. */
export interface TextContrast {
  readonly positive: readonly string[];
  readonly negative: readonly string[];
}

/** A prompt with an answer of each kind, which follows it as it is written: a space between them is part of the answer. */
export interface AnswerPair {
  readonly prompt: string;
  readonly positive: string;
  readonly negative: string;
}

/** Prompts with answers of two kinds. */
export interface AnswerContrast {
  readonly pairs: readonly AnswerPair[];
}

/** What a direction is made of. */
export type Contrast = TextContrast | AnswerContrast;

/**
 * Which positions of a text stand for it: its last token, the mean over the tokens of its answer, or the mean over all of its tokens
 * but special ones such as `<bos>`.
 */
export type ReadAt = "last" | "answer" | "all";

/** A text in tokens. */
export interface ContrastRow {
  readonly ids: readonly number[];
  /** Where its answer begins; undefined in texts without prompts. */
  readonly answer: number | undefined;
}

/** A contrast in tokens. */
export interface ContrastRows {
  readonly positive: readonly ContrastRow[];
  readonly negative: readonly ContrastRow[];
}

/** Activations of the texts of a contrast at one site, a row of the site's width for each text. */
export interface ContrastActivations {
  readonly positive: readonly Float32Array[];
  readonly negative: readonly Float32Array[];
}

/**
 * Reads a contrast into tokens.
 *
 * @throws PatchClampError `BAD_INPUT` when a side has no texts, an answer no tokens, a text does not fit the network, or the network
 * has no tokenizer
 */
export function contrastRows(
  where: string,
  net: LanguageNetwork,
  contrast: Contrast,
): ContrastRows {
  if ("pairs" in contrast) {
    const { pairs } = contrast;
    checkSides(where, pairs.length, pairs.length);
    const side = (kind: "positive" | "negative"): ContrastRow[] =>
      pairs.map((pair, i) => answerRow(where, net, { ...pair, answer: pair[kind] }, i));
    return { positive: side("positive"), negative: side("negative") };
  }
  const { positive, negative } = contrast;
  checkSides(where, positive.length, negative.length);
  const textRow = (text: string): ContrastRow => ({ ids: idsOf(net, text), answer: undefined });
  return { positive: positive.map(textRow), negative: negative.map(textRow) };
}

function checkSides(where: string, positive: number, negative: number): void {
  if (positive > 0 && negative > 0) return;
  throw new PatchClampError("BAD_INPUT", {
    where,
    problem: `there ${positive === 1 ? "is" : "are"} ${plural(positive, "positive text")} and ${plural(negative, "negative text")}, but a direction needs both.`,
    fix: "give texts of both kinds.",
  });
}

function answerRow(
  where: string,
  net: LanguageNetwork,
  { prompt, answer }: { readonly prompt: string; readonly answer: string },
  index: number,
): ContrastRow {
  const text = prompt + answer;
  const ids = idsOf(net, text);
  // of the whole text, since a tokenizer may join the end of a prompt with what follows
  const { offsets } = net.tokenizer.encodeWithOffsets(text);
  const start = offsets.findIndex(([, end]) => end > prompt.length);
  if (start >= 0) return { ids, answer: start };
  throw new PatchClampError("BAD_INPUT", {
    where,
    problem: `pair ${index} has the answer "${answer}", which has no tokens.`,
    fix: "give every prompt an answer of each kind.",
    facts: { pair: index },
  });
}

/** The tokens of a text, checked against the network's context. */
function idsOf(net: LanguageNetwork, text: string): readonly number[] {
  return net.tokens(text).ids[0]!;
}

/**
 * Refuses a contrast that is not made of pairs.
 *
 * @param what - what needs them
 * @throws PatchClampError `BAD_INPUT` when there are more texts of one kind
 */
export function checkPaired(where: string, what: string, rows: ContrastRows): void {
  const [positive, negative] = [rows.positive.length, rows.negative.length];
  if (positive === negative) return;
  throw new PatchClampError("BAD_INPUT", {
    where,
    problem: `${what} compares texts in pairs, but there are ${plural(positive, "positive text")} and ${plural(negative, "negative text")}.`,
    fix: 'give as many of each, the first with the first, or use the method "mean-difference" or "probe".',
  });
}

/**
 * Splits a contrast at random; pairs stay together.
 *
 * @param share - of the texts that are held out, 0..1, rounded down
 * @param least - the fewest texts of each kind that are held out
 */
export function splitContrast(
  rows: ContrastRows,
  { share, least, rng }: { readonly share: number; readonly least: number; readonly rng: Rng },
): { readonly learn: ContrastRows; readonly check: ContrastRows } {
  const { positive, negative } = rows;
  const orders = {
    positive: [...rng.split("positive").permutation(positive.length)],
    negative: [...rng.split("negative").permutation(negative.length)],
  };
  if (positive.length === negative.length) orders.negative = orders.positive;
  const part = (kind: keyof ContrastRows, isHeldOut: boolean): ContrastRow[] => {
    const count = Math.max(least, Math.floor(share * rows[kind].length));
    const order = isHeldOut ? orders[kind].slice(0, count) : orders[kind].slice(count);
    // in the order given, so that nothing but the choice is random
    return order.toSorted((a, b) => a - b).map((i) => rows[kind][i]!);
  };
  const half = (isHeldOut: boolean): ContrastRows => ({
    positive: part("positive", isHeldOut),
    negative: part("negative", isHeldOut),
  });
  return { learn: half(false), check: half(true) };
}

/** The most tokens of one pass, padding among them: enough to keep the cores busy, and more would only take memory. */
export const CHUNK_TOKENS = 2048;

/**
 * Cuts rows into chunks that fit one pass, rows of like length together.
 *
 * @param most - tokens of a chunk, padding among them; a longer row is a chunk of its own
 * @returns the numbers of the rows in each
 */
export function chunksOf(rows: readonly ContrastRow[], most = CHUNK_TOKENS): number[][] {
  const order = rows.map((_, i) => i).toSorted((a, b) => rows[a]!.ids.length - rows[b]!.ids.length);
  const chunks: number[][] = [];
  for (const i of order) {
    const chunk = chunks.at(-1);
    const isFull = chunk === undefined || (chunk.length + 1) * rows[i]!.ids.length > most;
    if (isFull) chunks.push([i]);
    else chunk.push(i);
  }
  return chunks;
}

/**
 * The activations that stand for the texts of a contrast, at many sites in one pass.
 *
 * @param sites - names of sites of shape [batch, pos, width]
 * @returns by site, in the order of the texts
 * @throws PatchClampError `BAD_INPUT` when answers are to be read and there are none; `SHAPE_MISMATCH` when a site has other axes
 */
export async function contrastActivations(
  net: LanguageNetwork,
  rows: ContrastRows,
  {
    where,
    sites,
    read,
  }: { readonly where: string; readonly sites: readonly string[]; readonly read: ReadAt },
): Promise<Map<string, ContrastActivations>> {
  for (const site of sites) checkSite(where, net, site);
  const all = [...rows.positive, ...rows.negative];
  const found = new Map(sites.map((site) => [site, [] as Float32Array[]]));
  for (const chunk of chunksOf(all)) {
    const texts = chunk.map((i) => all[i]!);
    const pos = Math.max(...texts.map(({ ids }) => ids.length));
    const weights = texts.map((row) => readWeights(where, net, row, { read, pos }));
    const reader = tensor(weights.map((row) => [row])); // [batch, 1, pos]
    const pass = net.trace({ prompts: texts.map(({ ids }) => ids), padding: "left" });
    const means = sites.map((site) => reader.matmul(pass.at(site)).squeeze(1)); // [batch, width]
    await evaluate(means);
    for (const [s, site] of sites.entries()) {
      const numbers = Float32Array.from(await means[s]!.numbers());
      const width = numbers.length / chunk.length;
      for (const [row, i] of chunk.entries())
        found.get(site)![i] = numbers.subarray(row * width, (row + 1) * width);
    }
  }
  const count = rows.positive.length;
  return new Map(
    Array.from(found, ([site, vectors]) => [
      site,
      { positive: vectors.slice(0, count), negative: vectors.slice(count) },
    ]),
  );
}

/** How much each position of a row, padded on the left, counts in the mean that stands for it. */
function readWeights(
  where: string,
  net: LanguageNetwork,
  { ids, answer }: ContrastRow,
  { read, pos }: { readonly read: ReadAt; readonly pos: number },
): number[] {
  if (read === "answer" && answer === undefined) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: "answers are to be read, but these are whole texts, which have no answers.",
      fix: "give pairs of the form { prompt, positive, negative }, or read at the last token.",
    });
  }
  const isRead: Record<ReadAt, (i: number) => boolean> = {
    last: (i) => i === ids.length - 1,
    answer: (i) => i >= answer!,
    all: (i) => !net.tokenizer.isSpecial(ids[i]!),
  };
  const chosen = ids.map((_, i) => isRead[read](i));
  const count = chosen.filter(Boolean).length;
  if (count === 0) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: "a text has nothing but special tokens, so there is nothing to read.",
      fix: "take it out, or read at the last token.",
    });
  }
  const padding = Array.from({ length: pos - ids.length }, () => 0);
  return [...padding, ...chosen.map((own) => (own ? 1 / count : 0))];
}

function checkSite(where: string, net: LanguageNetwork, site: string): void {
  const { axes, shape } = net.sites().find(({ name }) => name === site)!;
  if (shape.length === 3 && axes[0] === "batch" && axes[1] === "pos") return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where,
    problem: `"${site}" has the axes [${axes.join(", ")}], but a direction is learnt where they are [batch, pos, width].`,
    fix: 'use a site such as "blocks.0.resid_post".',
    facts: { site },
  });
}
