// A direction in the residual stream from two sets of texts, and generation at several strengths of it.

import { PatchClampError } from "../core/errors.ts";
import type { GenerateOptions } from "../network/generate.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { Edit } from "../network/tap.ts";
import { evaluate, tensor } from "../runtime/index.ts";
import { addedText } from "./prompt.ts";

/** Texts of two kinds. */
export interface Contrast {
  readonly positive: readonly string[];
  readonly negative: readonly string[];
}

/**
 * Half the difference between the mean activations of two sets of texts, at the last position of each text.
 *
 * Half, so that strength 1 carries a text that lies between the two kinds to the mean of the positive ones, and
 * strength -1 to the mean of the negative ones.
 *
 * @param site - a residual-stream site, [batch, pos, dModel]
 * @returns dModel numbers, in activation units
 * @throws PatchClampError `BAD_INPUT` when a side has no texts or the two means are equal
 * @source Marks & Tegmark 2023, arXiv:2310.06824 (mass-mean direction); Rimsky et al. 2023, arXiv:2312.06681
 */
export async function differenceOfMeans(
  net: LanguageNetwork,
  { positive, negative }: Contrast,
  site: string,
): Promise<Float32Array> {
  if (positive.length === 0 || negative.length === 0) {
    throw new PatchClampError("BAD_INPUT", {
      where: "steer",
      problem: `there are ${positive.length} positive and ${negative.length} negative texts, and a direction needs both.`,
      fix: "give --positive and --negative texts, or --pairs FILE.",
    });
  }
  // rows are padded on the left, so the last position of every row is its last token
  const last = net.trace([...positive, ...negative]).at(site).slice({ axis: 1, start: -1 }).squeeze(1);
  const [above, below] = last.split({ axis: 0, sizes: [positive.length, negative.length] });
  const half = above!.mean({ axis: 0 }).sub(below!.mean({ axis: 0 })).mul(0.5);
  await evaluate([half]);
  const direction = Float32Array.from(await half.numbers());
  if (direction.some((x) => x !== 0)) return direction;
  throw new PatchClampError("BAD_INPUT", {
    where: "steer",
    problem: `the two kinds of texts have equal means at "${site}", so there is no direction.`,
    fix: "use texts that differ, or a site after the token embedding.",
  });
}

/** Options of `steered`. */
export interface SteerOptions {
  readonly site: string;
  readonly direction: Float32Array;
  readonly strengths: readonly number[];
  readonly generate: GenerateOptions;
}

/**
 * Continues every prompt at every strength, all in one batch: strength is a number a row.
 *
 * @returns what was added, [strength][prompt]
 */
export async function steered(
  net: LanguageNetwork,
  prompts: readonly string[],
  { site, direction, strengths, generate }: SteerOptions,
): Promise<string[][]> {
  const rows = strengths.flatMap((strength) => prompts.map((prompt) => ({ strength, prompt })));
  const ids = rows.map((): number[] => []);
  const edit = { [site]: addScaled(direction, rows.map(({ strength }) => strength)) };
  const promptIds = prompts.map((prompt) => net.tokenizer.encode(prompt));
  const all = rows.map((_, row) => promptIds[row % prompts.length]!);
  for await (const { row, id } of net.generate(all, { ...generate, edit })) ids[row]!.push(id);
  const texts = ids.map((added, row) => addedText(net, all[row]!, added));
  return strengths.map((_, i) => texts.slice(i * prompts.length, (i + 1) * prompts.length));
}

/** Adds a direction to every position, times one number a row. */
export function addScaled(direction: Float32Array, strengths: readonly number[]): Edit {
  const shift = tensor(strengths, { shape: [strengths.length, 1, 1] }).mul(tensor(direction, { shape: [direction.length] }));
  return (x) => x.add(shift);
}
