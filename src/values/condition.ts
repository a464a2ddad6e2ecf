// Conditions: an intervention applies while a probe reads more than a threshold.

import { z } from "zod";

import { PatchClampError } from "../core/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { causalMask } from "../tensor/ops/masks.ts";
import { arange, full } from "../tensor/ops/creation.ts";
import { probeSchema, probeWidth, scoreWith } from "./probe.ts";

/** The schema of a condition. */
export const conditionSchema = z
  .strictObject({
    probe: probeSchema,
    /** Whether each token is judged by its own score, or all tokens of a row by the score of its prompt. Default token. */
    per: z.enum(["token", "prompt"]).default("token"),
    /** How the scores of a prompt's tokens become one. Default mean. */
    pool: z.enum(["mean", "max", "last"]).default("mean"),
    /** Applies above this score. Default: the probe's threshold. */
    threshold: z.number().optional(),
    /**
     * Once it applies, it goes on while the score of generated tokens is above this, which is at most the threshold. Default:
     * the threshold. Tokens of a prompt are each judged by the threshold; the last of them decides how generation begins.
     */
    release: z.number().optional(),
    /** Whether it applies where it otherwise would not. Default false. */
    negate: z.boolean().default(false),
  })
  .superRefine(({ probe, per, threshold = probe.threshold, release }, context) => {
    if (release === undefined) return;
    const problem =
      per === "prompt"
        ? "has no meaning for a condition on prompts, which are judged once"
        : release > threshold
          ? `is ${release}, above the threshold of ${threshold}`
          : undefined;
    if (problem !== undefined) {
      context.addIssue({ code: "custom", message: problem, path: ["release"] });
    }
  });

/** When an intervention applies. */
export type Condition = z.output<typeof conditionSchema>;

/** What conditions know of earlier passes over the same rows. */
export interface ConditionMemory {
  /** What was kept under a name, [batch, 1]; undefined in the first pass. */
  readonly recall: (name: string) => Tensor | undefined;
  /** Takes what the next pass needs. */
  readonly keep: (name: string, state: Tensor) => void;
}

/** Which columns of a pass hold what: each [batch, pos], 1 there and 0 elsewhere. */
export interface PhaseMasks {
  readonly prompt: Tensor;
  readonly generated: Tensor;
  /** The last token of each prompt. */
  readonly promptEnd: Tensor;
  /** The last token of each row in this pass. */
  readonly end: Tensor;
}

/** The numbers of a condition as tensors, each [batch or 1, 1]. */
export interface ConditionLevels {
  readonly threshold: Tensor;
  readonly release: Tensor;
}

/** What of a condition decides the form of its graph, not the numbers in it. */
export type ConditionForm = Pick<Condition, "per" | "pool" | "negate"> & {
  readonly hasRelease: boolean;
};

/** The form of a condition's graph. */
export function formOf({ per, pool, negate, release }: Condition): ConditionForm {
  return { per, pool, negate, hasRelease: release !== undefined };
}

/** What a condition's graph is made of. */
export interface ConditionInputs {
  /** Names what is kept from pass to pass. */
  readonly name: string;
  readonly form: ConditionForm;
  /** Of its probe. */
  readonly parts: Readonly<Record<string, Tensor>>;
  readonly levels: ConditionLevels;
  readonly masks: PhaseMasks;
  readonly memory: ConditionMemory;
}

/**
 * Where a condition holds. Traced.
 *
 * @param x - what its probe reads, [batch, pos, width]
 * @returns 1 where it holds and 0 elsewhere, [batch, pos] or [batch, 1]
 */
export function conditionGate(x: Tensor, inputs: ConditionInputs): Tensor {
  const { form, parts } = inputs;
  const score = scoreWith(parts, x);
  const holds =
    form.per === "prompt"
      ? promptGate(score, inputs)
      : form.hasRelease
        ? heldGate(score, inputs)
        : score.greater(inputs.levels.threshold).cast("float32");
  return form.negate ? holds.neg().add(1) : holds;
}

/** One answer for each row, from the scores of its prompt; [batch, 1]. */
function promptGate(score: Tensor, { name, form, levels, masks, memory }: ConditionInputs): Tensor {
  const batch = score.shape[0]!;
  const before = (missing: number): Tensor => memory.recall(name) ?? full([batch, 1], missing);
  const { prompt, promptEnd } = masks;
  const total = (mask: Tensor): Tensor => score.mul(mask).sum({ axis: 1, keepDims: true });
  let pooled: Tensor;
  if (form.pool === "max") {
    const inPrompt = prompt.greater(0).where(score, LOWEST);
    pooled = inPrompt.max({ axis: 1, keepDims: true }).maximum(before(LOWEST));
  } else if (form.pool === "last") {
    const isHere = promptEnd.sum({ axis: 1, keepDims: true });
    pooled = total(promptEnd).add(before(LOWEST).mul(isHere.neg().add(1)));
  } else {
    // the threshold of a mean is told as that of the sum
    pooled = total(prompt).add(before(0));
  }
  memory.keep(name, pooled);
  return pooled.greater(levels.threshold).cast("float32");
}

/** Below every score, and finite, so that 0 times it is 0. */
const LOWEST = -1e30;

/**
 * One answer for each token, which outlasts scores between release and threshold; [batch, pos].
 *
 * At each place a score above the threshold switches on, one at or below the release off; what was switched last counts.
 * Tokens of a prompt are judged alone: there, all that does not switch on switches off.
 */
function heldGate(score: Tensor, { name, levels, masks, memory }: ConditionInputs): Tensor {
  const [batch, pos] = score.shape as [number, number];
  const isReal = masks.prompt.add(masks.generated);
  const on = score.greater(levels.threshold).cast("float32").mul(isReal);
  const low = score.lessEqual(levels.release).cast("float32").mul(masks.generated);
  const off = low.maximum(on.neg().add(1).mul(masks.prompt));
  const before = memory.recall(name) ?? full([batch, 1], 0);
  // half a place before the first, so that it counts where nothing was switched in this pass
  const held = lastPlace(on, pos).add(before.mul(0.5)).greater(lastPlace(off, pos)).cast("float32");
  memory.keep(name, held.mul(masks.end).sum({ axis: 1, keepDims: true }));
  return held;
}

/** For each place, the last one up to it that is marked, counted from 1; 0 where there is none. [batch, pos] */
function lastPlace(marks: Tensor, pos: number): Tensor {
  const places = marks.mul(arange(pos, { start: 1 }).cast("float32"));
  if (pos === 1) return places;
  return causalMask(pos).where(places.unsqueeze(1), 0).max({ axis: -1 });
}

/**
 * What the probe of a condition reads.
 *
 * @param x - the value that the intervention changes, as it is before
 * @throws PatchClampError `BAD_INPUT` when the probe's site is computed later or has another width
 */
export function probed(
  { probe }: Condition,
  x: Tensor,
  place: { readonly site: string; readonly sites: ReadonlyMap<string, Tensor> },
): Tensor {
  const value = probe.site === place.site ? x : place.sites.get(probe.site);
  if (value === undefined) {
    throw new PatchClampError("BAD_INPUT", {
      where: "interventions",
      problem: `the condition at "${place.site}" reads "${probe.site}", which is not computed before it.`,
      fix: "let its probe read a site of this block or of an earlier one.",
      facts: { site: place.site, probe: probe.site },
    });
  }
  if (value.rank === 3 && value.shape[2] === probeWidth(probe)) return value;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where: "interventions",
    problem: `the probe at "${probe.site}" takes [batch, pos, ${probeWidth(probe)}], but the site is [${value.shape.join(", ")}].`,
    facts: { site: probe.site },
  });
}
