// Interventions of `values/` as edits of a network's passes.

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
 * fit, or sets that allow no other share a site
 */
export function planFor(
  net: LanguageNetwork,
  { interventions = [], rowInterventions }: InterventionOptions,
): InterventionPlan | undefined {
  const rows = rowInterventions?.map((row) => row.map(asSet));
  const shared = interventions.map(asSet);
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

/** The interventions of a generation: what they read in its passes. */
export class Woven {
  readonly #plan: InterventionPlan;
  readonly #strength: InterventionOptions["strength"];
  /** Tokens of each row that were given. */
  #promptLengths: readonly number[] | undefined;

  constructor(plan: InterventionPlan, strength: InterventionOptions["strength"]) {
    this.#plan = plan;
    this.#strength = strength;
  }

  /** For a pass over whole rows, the first of which are the prompts. */
  whole(batch: TokenBatch): PlanInputs {
    this.#promptLengths ??= batch.lengths;
    return this.#inputs(placesOf(batch, this.#promptLengths));
  }

  /** For a pass over the last token of every row. */
  step({ ids, lengths }: TokenBatch): PlanInputs {
    const rows = ids.map((row, i) => row.slice(row.length - lengths[i]!));
    return this.#inputs(stepPlaces(rows, this.#promptLengths!));
  }

  /** Every prompt is gone on with by several rows from here on. */
  repeat(prompts: readonly number[]): void {
    this.#promptLengths = prompts.map((of) => this.#promptLengths![of]!);
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

function asSet(given: Steering): InterventionSet {
  return interventionSet("interventions" in given ? given : { interventions: [given] });
}
