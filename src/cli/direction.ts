// A direction in the residual stream from two sets of texts, and generation at several strengths of it.

import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import type { GenerateOptions } from "../network/generate.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { evaluate, tensor } from "../runtime/index.ts";
import { addedText, textEnds } from "./prompt.ts";

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
      problem: `there ${positive.length === 1 ? "is" : "are"} ${plural(positive.length, "positive text")} and ${plural(negative.length, "negative text")}, but a direction needs both.`,
      fix: "give --positive and --negative texts, or --pairs FILE.",
    });
  }
  // rows are padded on the left, so the last position of every row is its last token
  const last = net
    .trace([...positive, ...negative])
    .at(site)
    .slice({ axis: 1, start: -1 })
    .squeeze(1);
  const [above, below] = last.split({ axis: 0, sizes: [positive.length, negative.length] });
  const half = above!
    .mean({ axis: 0 })
    .sub(below!.mean({ axis: 0 }))
    .mul(0.5);
  await evaluate([half]);
  const direction = Float32Array.from(await half.numbers());
  if (direction.some((x) => x !== 0)) return direction;
  throw new PatchClampError("BAD_INPUT", {
    where: "steer",
    problem: `the two kinds of texts have equal means at "${site}", so there is no direction.`,
    fix: "use texts that differ, or a site after the token embedding.",
  });
}

/** What a network added to a prompt. */
export interface Continuation {
  readonly ids: readonly number[];
  readonly text: string;
}

/** Options of `steered`. */
export interface SteerOptions {
  readonly site: string;
  /** The direction for each prompt, dModel numbers. */
  readonly direction: (prompt: number) => Float32Array;
  readonly strengths: readonly number[];
  readonly generate: GenerateOptions;
}

/**
 * Continues every prompt at every strength, all in one batch: each row adds its own multiple of its direction to every
 * position.
 *
 * @returns what was added, [strength][prompt]
 */
export async function steered(
  net: LanguageNetwork,
  prompts: readonly string[],
  { site, direction, strengths, generate }: SteerOptions,
): Promise<Continuation[][]> {
  const promptIds = prompts.map((prompt) => net.tokenizer.encode(prompt));
  const rows = strengths.flatMap((strength) => prompts.map((_, prompt) => ({ strength, prompt })));
  const shifts = tensor(
    rows.map(({ strength, prompt }) => [Array.from(direction(prompt), (x) => strength * x)]),
  ); // [rows, 1, dModel]
  const ids = rows.map((): number[] => []);
  const tokens = net.generate(
    rows.map(({ prompt }) => promptIds[prompt]!),
    { stop: textEnds(net), ...generate, edit: { [site]: (x) => x.add(shifts) } },
  );
  for await (const { row, id } of tokens) ids[row]!.push(id);
  const written = rows.map(({ prompt }, row) => ({
    ids: ids[row]!,
    text: addedText(net, promptIds[prompt]!, ids[row]!),
  }));
  return strengths.map((_, i) => written.slice(i * prompts.length, (i + 1) * prompts.length));
}
