// Interventions of `values/` as edits of a network's passes.

import { checkWidth } from "../values/intervention-set.ts";
import {
  interventionSet,
  placesOf,
  planInterventions,
  planRows,
  stepPlaces,
} from "../values/index.ts";
import type {
  ConditionMemory,
  InterventionInput,
  InterventionPlan,
  InterventionSet,
  InterventionSetInput,
  Places,
  PlanInputs,
} from "../values/index.ts";
import { isGate, isPhase } from "../values/slot-inputs.ts";
import type { LanguageNetwork } from "./language.ts";
import type { TokenBatch } from "./prompt.ts";
import { selectSites } from "./sites.ts";
import type { Edit } from "./tap.ts";

/** What steers: a set of interventions, as a file holds it, or one intervention. */
export type Steering = InterventionSet | InterventionSetInput | InterventionInput;

/** Which interventions a pass or a generation has. */
export interface InterventionOptions {
  /** Applied to all rows, one after the other. Default: none. */
  interventions?: readonly Steering[];
  /** Instead: those of each row of the batch. */
  rowInterventions?: readonly (readonly Steering[])[];
  /**
   * How much of every change is made, one number or one for each row: scales of `add` are multiplied by it, other changes go that
   * part of the way. Default 1.
   */
  strength?: number | readonly number[];
}

/**
 * Plans the interventions of a network; undefined where there are none.
 *
 * @throws PatchClampError `UNKNOWN_SITE` when one names a site that the network lacks, `BAD_INPUT` and `SHAPE_MISMATCH` when one does not
 * fit or was made for a network of another width, or sets that allow no other share a site
 */
export function planFor(
  net: LanguageNetwork,
  { interventions = [], rowInterventions }: InterventionOptions,
): InterventionPlan | undefined {
  const rows = rowInterventions?.map((row) => row.map(asSet));
  const shared = interventions.map(asSet);
  for (const { madeFor } of [shared, rows ?? []].flat(2)) {
    if (madeFor === undefined) continue;
    checkWidth("interventions", madeFor, { network: net.name, dModel: net.config.dModel });
  }
  const options = {
    select: (pattern: string) => {
      const names = new Set(selectSites("interventions", net.space, pattern));
      return net.sites().filter(({ name }) => names.has(name));
    },
    encode: net.hasTokenizer
      ? (text: string) => net.tokenizer.encode(text, { addSpecialTokens: false })
      : undefined,
  };
  if (rows !== undefined)
    return planRows(
      rows.map((row) => [...shared, ...row]),
      options,
    );
  return shared.length === 0 ? undefined : planInterventions(shared, options);
}

/** What interventions do to one row, to be compared with what they do to another. */
export interface WovenRow {
  /** What is the same at all its places. */
  readonly form: string;
  readonly fixed: Readonly<Record<string, ArrayLike<number>>>;
  /** How much each does at each of its places. */
  readonly gates: Readonly<Record<string, ArrayLike<number>>>;
}

/** The interventions of a generation: what they read in its passes. */
export class Woven {
  readonly #plan: InterventionPlan;
  readonly #strength: InterventionOptions["strength"];
  /** Tokens of each row that were given. */
  #promptLengths: readonly number[] = [];

  constructor(plan: InterventionPlan, strength: InterventionOptions["strength"]) {
    this.#plan = plan;
    this.#strength = strength;
  }

  /** Whether what they do to a token depends on what they did to tokens before it. */
  get hasMemory(): boolean {
    return this.#plan.states.length > 0;
  }

  /** Takes the prompts' lengths, one for each row from here on. */
  begin(lengths: readonly number[]): void {
    this.#promptLengths = lengths;
  }

  /** For a pass over whole rows. */
  whole(batch: TokenBatch): PlanInputs {
    return this.#inputs(placesOf(batch, this.#promptLengths));
  }

  /**
   * For a pass over the last tokens of every row.
   *
   * @param counts - how many tokens of each row, padded on the left to `width`
   */
  step(
    rows: readonly (readonly number[])[],
    { counts, width }: { readonly counts: readonly number[]; readonly width: number },
  ): PlanInputs {
    return this.#inputs(stepPlaces(rows, this.#promptLengths, counts, width));
  }

  /** What they do to a row of their own, [length]. */
  row(ids: readonly number[]): WovenRow {
    const lengths = [ids.length];
    const places = placesOf({ ids: [ids], lengths, padding: "left" }, this.#promptLengths);
    const fixed: Record<string, ArrayLike<number>> = {};
    const gates: Record<string, ArrayLike<number>> = {};
    for (const [name, tensor] of Object.entries(this.#inputs(places))) {
      const data = tensor.value!.data as ArrayLike<number>;
      // which phase a token is in says nothing beyond its gates where nothing is remembered
      if (isGate(name)) gates[name] = data;
      else if (!isPhase(name)) fixed[name] = data;
    }
    return { form: this.#plan.form, fixed, gates };
  }

  /** The edits of a pass, traced: each before those that a site has already. */
  editsBefore(
    others: ReadonlyMap<string, readonly Edit[]>,
    inputs: PlanInputs,
    memory: ConditionMemory,
  ): Map<string, readonly Edit[]> {
    const all = new Map(others);
    for (const [site, edit] of this.#plan.edits(inputs, memory)) {
      all.set(site, [edit, ...(others.get(site) ?? [])]);
    }
    return all;
  }

  #inputs(places: Places): PlanInputs {
    return this.#plan.inputs(places, { strength: this.#strength });
  }
}

/** A set, from whatever steers. */
export function asSet(given: Steering): InterventionSet {
  return interventionSet("interventions" in given ? given : { interventions: [given] });
}
