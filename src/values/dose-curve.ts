// What was measured of an intervention at several strengths. It travels with the value.

import { z } from "zod";

const point = z.strictObject({
  /** Multiplies every strength of the set. */
  strength: z.number(),
  /** The target metric, in its own unit. */
  effect: z.number(),
  /** The same for random directions of the same norm: what any push of this size does. */
  randomEffect: z.number().optional(),
  /** Of neutral text. */
  perplexity: z.number().min(0).optional(),
  /** Share of repeated pieces in what was written, 0..1. */
  repetition: z.number().min(0).max(1).optional(),
});

/** The schema of a dose curve. */
export const doseCurveSchema = z
  .strictObject({
    /** What the effect is, in words with its unit. */
    metric: z.string().min(1),
    /** By rising strength. */
    points: z.array(point).min(1),
    /** The metric without the intervention. */
    baseline: z.number().optional(),
    /** The strength from which on texts fall apart. Absent where none was found. */
    collapse: z.number().optional(),
    /** Strengths that act and do not harm, from and to. Absent where there are none. */
    band: z.tuple([z.number(), z.number()]).optional(),
  })
  .superRefine(({ points, band }, context) => {
    const isRising = points.every(
      ({ strength }, i) => i === 0 || strength > points[i - 1]!.strength,
    );
    if (!isRising) {
      context.addIssue({
        code: "custom",
        message: "is not in the order of rising strengths",
        path: ["points"],
      });
    }
    if (band !== undefined && band[0] > band[1]) {
      context.addIssue({
        code: "custom",
        message: `ends at ${band[1]}, below its start at ${band[0]}`,
        path: ["band"],
      });
    }
  });

/** Effect, fluency and collapse by strength. */
export type DoseCurve = z.output<typeof doseCurveSchema>;
