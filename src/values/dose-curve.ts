// What was measured of interventions at several strengths. It travels with the value.

import { z } from "zod";

const point = z.strictObject({
  /** Multiplies every strength of the set. */
  strength: z.number(),
  /** The target metric, in its own unit. */
  effect: z.number(),
  /** The same for random directions of the same norm: what any push of this size does. Their mean. */
  randomEffect: z.number().optional(),
  /** Standard deviation of the effect from one random direction to another. Absent for fewer than two. */
  randomSpread: z.number().min(0).optional(),
  /** Of neutral text. At most the largest float64, where it would be beyond. */
  perplexity: z.number().min(0).optional(),
  /** Share of repeated pieces in what was written, 0..1. */
  repetition: z.number().min(0).max(1).optional(),
});

/** What was measured at one strength. */
export type DosePoint = z.output<typeof point>;

const bounds = z.strictObject({
  /** Times the perplexity without interventions. */
  perplexity: z.number().min(1),
  /** Above the repetition without interventions, as a share. */
  repetition: z.number().min(0).max(1),
});

/** From where on a text counts as fallen apart: when either is exceeded. */
export type CollapseBounds = z.output<typeof bounds>;

const conditions = z.strictObject({
  /** Texts behind the perplexity. */
  neutralTexts: z.int().min(1),
  randomDirections: z.int().min(0),
  /** Smallest change of the effect that counts, in its unit. */
  leastChange: z.number().min(0),
  /** Of the texts that were written. */
  maxTokens: z.int().min(1),
  temperature: z.number().min(0),
  seed: z.int().min(0),
});

/** How a curve was measured. */
export type CurveConditions = z.output<typeof conditions>;

const range = z.tuple([z.number(), z.number()]);

/** The schema of a dose curve. */
export const doseCurveSchema = z
  .strictObject({
    /** What the effect is, in words with its unit. More of it is what the interventions are for. */
    metric: z.string().min(1),
    /** By rising strength. */
    points: z.array(point).min(1),
    /** The metric without the interventions. */
    baseline: z.number().optional(),
    /** The strength above zero from which on texts fall apart. Absent where none was found. */
    collapse: z.number().optional(),
    /** The strength below zero from which on downwards they do. */
    collapseBelow: z.number().optional(),
    /** Strengths above zero that act and do not harm, from and to. Absent where there are none. */
    band: range.optional(),
    /** Strengths below zero that act the other way and do not harm. */
    bandBelow: range.optional(),
    /** What counts as fallen apart. */
    bounds: bounds.optional(),
    measured: conditions.optional(),
  })
  .superRefine((curve, context) => {
    for (const { path, message } of problemsOf(curve)) {
      context.addIssue({ code: "custom", message, path: [path] });
    }
  });

/** Effect, fluency and collapse by strength. */
export type DoseCurve = z.output<typeof doseCurveSchema>;

interface Problem {
  readonly path: string;
  readonly message: string;
}

/** What does not fit together. */
function problemsOf(curve: DoseCurve): Problem[] {
  const { points, band, bandBelow, collapse, collapseBelow } = curve;
  const problems: Problem[] = [];
  const check = (holds: boolean, path: string, message: string): void => {
    if (!holds) problems.push({ path, message });
  };
  const isRising = points.every(({ strength }, i) => i === 0 || strength > points[i - 1]!.strength);
  check(isRising, "points", "is not in the order of rising strengths");
  for (const [path, given] of Object.entries({ band, bandBelow })) {
    if (given === undefined) continue;
    const [from, to] = given;
    check(from <= to, path, `ends at ${to}, below its start at ${from}`);
  }
  check((collapse ?? 1) > 0, "collapse", `is ${collapse}, not above zero`);
  check((collapseBelow ?? -1) < 0, "collapseBelow", `is ${collapseBelow}, not below zero`);
  check((band?.[0] ?? 1) > 0, "band", `starts at ${band?.[0]}, not above zero`);
  check((bandBelow?.[1] ?? -1) < 0, "bandBelow", `ends at ${bandBelow?.[1]}, not below zero`);
  const reaches = (end: number | undefined, edge: number | undefined): boolean =>
    end !== undefined && edge !== undefined && Math.abs(end) >= Math.abs(edge);
  check(!reaches(band?.[1], collapse), "band", `reaches ${collapse}, where texts fall apart`);
  check(
    !reaches(bandBelow?.[0], collapseBelow),
    "bandBelow",
    `reaches ${collapseBelow}, where texts fall apart`,
  );
  return problems;
}
