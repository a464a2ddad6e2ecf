// Reads growing rows pass by pass: the prompt at once, then a token a step from what the cache keeps (`row-cache.ts`). Where a token
// more changes what a network computes for the tokens before it, the whole text is read again.

import type { Tree } from "../core/tree.ts";
import { leaves } from "../core/tree.ts";
import { compile, evaluate } from "../tensor/evaluate.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Woven } from "./interventions.ts";
import type { Inputs } from "./network.ts";
import type { DecoderCache, DecoderInputs, Revision, TokenBatch } from "./prompt.ts";
import { batchInputs } from "./prompt.ts";
import { promptsOfRows, repeatRows } from "./repeat-rows.ts";
import type { Carried } from "./repeat-rows.ts";
import type { StepInputs } from "./row-cache.ts";
import { RowCache } from "./row-cache.ts";
import type { Edit, Tap } from "./tap.ts";
import { recordingTap } from "./tap.ts";

/** What is continued, and the function that predicts. */
export interface Beginning {
  readonly batch: TokenBatch;
  /** Predicts the next token, [batch, pos, dVocab]; `fixed` is what `prepare` made. */
  readonly predict: (inputs: DecoderInputs, fixed: Inputs, tap: Tap) => Tensor;
  /** Makes, in the first pass, what is the same for all passes. Default: nothing. */
  readonly prepare?: (tap: Tap) => Inputs;
  /** Changes values in all passes, before `edit` does. Default: nothing. */
  readonly woven?: Woven | undefined;
  /** Makes of it what rows need, of which row i goes on with prompt `prompts[i]`. Default: what it has for the prompt. */
  readonly repeat?: (fixed: Inputs, prompts: readonly number[]) => Inputs;
}

/** How one pass is traced. */
export interface PassForm extends Omit<Beginning, "batch"> {
  readonly edits: ReadonlyMap<string, readonly Edit[]>;
  readonly capture: readonly string[];
  /** Hears when nothing of earlier positions can be kept. */
  readonly revise: (revision: Revision) => void;
}

export interface PassResult extends Carried {
  /** Logits of the last position, [batch, dVocab]. */
  readonly logits: Tensor;
  readonly activations: Readonly<Record<string, Tensor>>;
}

/** Reads a batch of growing rows, as far as it can without reading a token twice. */
export class Reader {
  readonly #form: PassForm;
  readonly #decode: (step: StepInputs, fixed: Inputs, weave: Weave) => Promise<PassResult>;
  readonly #revisions: Revision[] = [];
  #batch!: TokenBatch;
  #cache!: RowCache;
  #fixed: Inputs | undefined;
  #memory: Inputs = {};
  /** What the last step found, which the cache does not hold yet. */
  #latest: PassResult | undefined;

  constructor(form: Omit<PassForm, "revise">) {
    this.#form = { ...form, revise: (revision) => this.#revise(revision) };
    this.#decode = compile((step: StepInputs, fixed: Inputs, weave: Weave) =>
      stepPass(this.#form, step, { fixed, weave }),
    );
  }

  /** Reads whole rows, each of which `count` rows go on with. */
  async start(batch: TokenBatch, count = 1): Promise<PassResult> {
    const { woven } = this.#form;
    const weave = { inputs: woven?.whole(batch) ?? {}, memory: {} };
    const result = await promptPass(this.#form, batch, { fixed: this.#fixed, weave });
    const prompts = promptsOfRows(batch.ids.length, count);
    if (count > 1) woven?.repeat(prompts);
    const kept = count === 1 ? result : await repeatRows(result, prompts, this.#form.repeat);
    this.#batch = {
      ...batch,
      ids: prompts.map((of) => batch.ids[of]!),
      lengths: prompts.map((of) => batch.lengths[of]!),
    };
    this.#fixed = kept.fixed;
    this.#memory = kept.memory;
    this.#cache = await RowCache.of(this.#batch, kept);
    this.#latest = undefined;
    return result;
  }

  /** Reads one token more of every row. */
  async add(next: readonly number[]): Promise<PassResult> {
    this.#batch = extended(this.#batch, next);
    if (isRevised(this.#revisions, this.#batch.lengths)) return this.start(this.#batch);
    if (this.#latest !== undefined) await this.#cache.append(this.#latest);
    const weave = { inputs: this.#form.woven?.step(this.#batch) ?? {}, memory: this.#memory };
    this.#latest = await this.#decode(this.#cache.stepInputs(next), this.#fixed!, weave);
    this.#memory = this.#latest.memory;
    return this.#latest;
  }

  #revise(found: Revision): void {
    const isKnown = ({ beyond, isEvery }: Revision): boolean =>
      beyond === found.beyond && isEvery === found.isEvery;
    if (!this.#revisions.some(isKnown)) this.#revisions.push(found);
  }
}

/** The batch with one token more in every row. */
function extended({ ids, lengths, padding }: TokenBatch, next: readonly number[]): TokenBatch {
  return {
    ids: ids.map((row, i) => [...row, next[i]!]),
    lengths: lengths.map((length) => length + 1),
    padding,
  };
}

/** Whether the last token of any row changed what was computed for those before it. */
function isRevised(revisions: readonly Revision[], lengths: readonly number[]): boolean {
  return revisions.some(({ beyond, isEvery }) =>
    lengths.some((length) => (isEvery ? length > beyond : length === beyond + 1)),
  );
}

/** Runs the prompt: everything a decoding step needs, and the logits of the last position. */
async function promptPass(form: PassForm, batch: TokenBatch, around: Around): Promise<PassResult> {
  const nothing = { past: () => undefined, state: () => undefined, ...around };
  const result = tracePass(form, { ...batchInputs(batch), ...nothing });
  await evaluate(leaves<Tensor>(result as unknown as Tree<Tensor>).map(([, tensor]) => tensor));
  return result;
}

function stepPass(
  form: PassForm,
  { keys, values, states, ...inputs }: StepInputs,
  around: Around,
): PassResult {
  return tracePass(form, {
    ...inputs,
    past: (layer) => ({ k: keys[layer]!, v: values[layer]! }),
    state: (layer) => states[layer],
    ...around,
  });
}

/** What interventions read in a pass: their numbers, and what their conditions remember of the pass before. */
interface Weave {
  readonly inputs: Inputs;
  readonly memory: Inputs;
}

/** What a pass reads beside its tokens. */
interface Around {
  /** What is the same for all passes but the first, which makes it. */
  readonly fixed: Inputs | undefined;
  readonly weave: Weave;
}

/** What one pass reads: new tokens, what is kept of earlier ones, and what is around. */
interface PassInputs
  extends Omit<DecoderInputs, "cache">, Pick<DecoderCache, "past" | "state">, Around {}

function tracePass(
  { predict, prepare, edits, woven, capture, revise }: PassForm,
  { past, state: stateOf, fixed: given, weave, ...inputs }: PassInputs,
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
  const logits = tap("logits", predict({ ...inputs, cache }, fixed, tap));
  return {
    logits: logits.slice({ axis: 1, start: -1 }).squeeze(1),
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
