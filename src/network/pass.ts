// One pass of a generation, traced: what a network computes of new tokens, of what is kept of earlier ones, and of what is around.

import type { Tensor } from "../tensor/tensor.ts";
import type { Woven } from "./interventions.ts";
import type { Inputs } from "./network.ts";
import type { DecoderCache, DecoderInputs, Revision } from "./prompt.ts";
import type { Carried } from "./repeat-rows.ts";
import type { StepInputs } from "./row-cache.ts";
import type { Edit, Tap } from "./tap.ts";
import { recordingTap } from "./tap.ts";

/** How passes are traced. */
export interface PassForm {
  /** Predicts the next token, [batch, pos, dVocab]; `fixed` is what `prepare` made. */
  readonly predict: (inputs: DecoderInputs, fixed: Inputs, tap: Tap) => Tensor;
  /** Makes, in the first pass, what is the same for all passes. Default: nothing. */
  readonly prepare?: (tap: Tap) => Inputs;
  /** Changes values in all passes, before `edits` do. Default: nothing. */
  readonly woven?: Woven | undefined;
  readonly edits: ReadonlyMap<string, readonly Edit[]>;
  readonly capture: readonly string[];
  /** Hears when nothing of earlier positions can be kept. */
  readonly revise: (revision: Revision) => void;
}

/** What a pass finds. */
export interface PassResult extends Carried {
  /** Logits of its last columns, [batch, columns, dVocab]. */
  readonly logits: Tensor;
  /** log(sum(exp(logits))), [batch, columns]. */
  readonly logTotal: Tensor;
  readonly activations: Readonly<Record<string, Tensor>>;
}

/** What interventions read in a pass: their numbers, and what their conditions remember of the pass before. */
export interface Weave {
  readonly inputs: Inputs;
  readonly memory: Inputs;
}

/** What a pass reads beside its tokens. */
export interface Around {
  /** What is the same for all passes but the first, which makes it. */
  readonly fixed: Inputs | undefined;
  readonly weave: Weave;
}

/** What a pass over nothing but its own tokens reads. */
export function withoutPast(inputs: Omit<DecoderInputs, "cache">): PassInputs {
  return { ...inputs, past: () => undefined, state: () => undefined };
}

/** What a pass over what is kept reads. */
export function withPast({ keys, values, states, ...inputs }: StepInputs): PassInputs {
  return {
    ...inputs,
    past: (layer) => ({ k: keys[layer]!, v: values[layer]! }),
    state: (layer) => states[layer],
  };
}

/** New tokens, and what is kept of earlier ones. */
export interface PassInputs
  extends Omit<DecoderInputs, "cache">, Pick<DecoderCache, "past" | "state"> {}

/**
 * Traces a pass.
 *
 * @param columns - how many of the last columns predict
 */
export function tracePass(
  { predict, prepare, edits, woven, capture, revise }: PassForm,
  { past, state: stateOf, ...inputs }: PassInputs,
  { fixed: given, weave, columns }: Around & { readonly columns: number },
): PassResult {
  const memory: Record<string, Tensor> = {};
  const all = woven?.editsBefore(edits, weave.inputs, {
    recall: (name) => weave.memory[name],
    keep: (name, state) => {
      memory[name] = state;
    },
  });
  const keys: Record<string, Tensor> = {};
  const values: Record<string, Tensor> = {};
  const states: Record<string, readonly Tensor[]> = {};
  const cache: DecoderCache = {
    past,
    state: stateOf,
    store: (layer, k, v) => {
      keys[layer] = k;
      values[layer] = v;
    },
    keep: (layer, state) => {
      states[layer] = state;
    },
    revise,
  };
  const { tap, sites } = recordingTap({ edits: all ?? edits });
  const fixed = given ?? prepare?.(tap) ?? {};
  const everywhere = tap("logits", predict({ ...inputs, cache }, fixed, tap));
  const logits = everywhere.slice({ axis: 1, start: -columns });
  return {
    logits,
    logTotal: logits.logSumExp({ axis: -1 }),
    keys,
    values,
    states,
    fixed,
    memory,
    activations: Object.fromEntries(
      capture.filter((site) => sites.has(site)).map((site) => [site, sites.get(site)!]),
    ),
  };
}
