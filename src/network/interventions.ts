// Interventions of `values/` as edits of a network's passes.

import { interventionSet, planInterventions, planRows } from "../values/index.ts";
import type {
  InterventionInput,
  InterventionPlan,
  InterventionSet,
  InterventionSetInput,
} from "../values/index.ts";
import type { LanguageNetwork } from "./language.ts";
import { selectSites } from "./sites.ts";

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

function asSet(given: Steering): InterventionSet {
  return interventionSet("interventions" in given ? given : { interventions: [given] });
}
