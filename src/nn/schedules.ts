// Learning-rate schedules: functions from the step (0 is the first) to a rate. They run on the host; the rate enters
// the compiled step as an input.

import { PatchClampError } from "../core/errors.ts";

/** The learning rate at a step; steps count from 0. */
export type Schedule = (step: number) => number;

/** Options of the decays. */
export interface DecayOptions {
  /** Rate at step 0. */
  readonly from: number;
  /** Rate at `steps` and after. Default 0. */
  readonly to?: number;
  /** Length in steps. */
  readonly steps: number;
}

/** One rate for ever. */
export function constantRate(rate: number): Schedule {
  return () => rate;
}

/**
 * Goes from one rate to another in a straight line.
 *
 * @throws PatchClampError `BAD_OPTION` when `steps` is not a whole number of at least 1
 */
export function linearDecay(options: DecayOptions): Schedule {
  const { from, to = 0, steps } = options;
  checkSteps("linearDecay", steps);
  return (step) => from + (to - from) * Math.min(step / steps, 1);
}

/**
 * Goes from one rate to another along half a cosine.
 *
 * @throws PatchClampError `BAD_OPTION` when `steps` is not a whole number of at least 1
 * @source Loshchilov & Hutter 2017, arXiv:1608.03983, eq. (5)
 */
export function cosineDecay(options: DecayOptions): Schedule {
  const { from, to = 0, steps } = options;
  checkSteps("cosineDecay", steps);
  return (step) => to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * Math.min(step / steps, 1)));
}

/**
 * Climbs in a straight line to the first rate of a schedule, then follows it from its step 0.
 *
 * The first step has `1 / steps` of the peak, not 0, so it is not wasted.
 *
 * @throws PatchClampError `BAD_OPTION` when `steps` is not a whole number of at least 1
 */
export function warmup(after: Schedule, options: { readonly steps: number }): Schedule {
  const { steps } = options;
  checkSteps("warmup", steps);
  return (step) => (step < steps ? (after(0) * (step + 1)) / steps : after(step - steps));
}

/**
 * One schedule after another; each starts at its own step 0, and the last goes on for ever.
 *
 * @param parts - schedules with their lengths in steps; the last one's length is not read
 * @throws PatchClampError `BAD_OPTION` when there are none, or a length is not a whole number of at least 1
 */
export function inTurn(
  parts: readonly { readonly schedule: Schedule; readonly steps: number }[],
): Schedule {
  const last = parts.at(-1);
  if (last === undefined) {
    throw new PatchClampError("BAD_OPTION", {
      where: "inTurn",
      problem: "there are no schedules.",
    });
  }
  for (const { steps } of parts.slice(0, -1)) checkSteps("inTurn", steps);
  return (step) => {
    let left = step;
    for (const { schedule, steps } of parts.slice(0, -1)) {
      if (left < steps) return schedule(left);
      left -= steps;
    }
    return last.schedule(left);
  };
}

function checkSteps(where: string, steps: number): void {
  if (Number.isInteger(steps) && steps >= 1) return;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `steps is ${steps}, not a whole number of at least 1.`,
  });
}
