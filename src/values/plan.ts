// Interventions woven into a graph. A plan knows which sites are changed and in what form; the numbers - vectors, strengths, masks,
// thresholds - are inputs of the graph. So changing a strength compiles nothing, and the rows of a batch may each have
// interventions of their own in one graph: their numbers are stacked.

import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import type { ConditionMemory } from "./condition.ts";
import type { Intervention, InterventionInput } from "./intervention.ts";
import { intervention } from "./intervention.ts";
import type { InterventionSet } from "./intervention-set.ts";
import { checkConflicts } from "./intervention-set.ts";
import type { SiteForm } from "./site-form.ts";
import type { PlanInputs, ValueEdit } from "./slot-edits.ts";
import { editsOf } from "./slot-edits.ts";
import { fixedInputs, oneRow, passInputs, phaseInputs } from "./slot-inputs.ts";
import { isConditional, keepsState, slotsOf } from "./slots.ts";
import type { Chooser, Encode, Places } from "./where.ts";
import { chooserOf, maskOf } from "./where.ts";

/** What a plan needs to know of a network. */
export interface PlanOptions {
  /** The sites of a name or pattern; throws when there are none. */
  readonly select: (pattern: string) => readonly SiteForm[];
  /** Turns text into token ids. Needed where tokens to match are given as text. */
  readonly encode?: Encode | undefined;
}

/** Options of `InterventionPlan.inputs`. */
export interface StrengthOptions {
  /**
   * How much of every change is made, one number or one for each row: scales of `add` are multiplied by it, others go that part
   * of the way. Default 1.
   */
  readonly strength?: number | readonly number[] | undefined;
}

/** Interventions in the form in which they enter a graph. */
export interface InterventionPlan {
  /** The sites that are changed. */
  readonly sites: readonly string[];
  /** Names of what conditions keep from pass to pass; empty where nothing is. */
  readonly states: readonly string[];
  /** What decides its graph, apart from the numbers that `inputs` gives it. */
  readonly form: string;
  /** What the graph takes in a pass over these places. Their shapes depend on the batch and the columns of the pass alone. */
  readonly inputs: (places: Places, options?: StrengthOptions) => PlanInputs;
  /**
   * The edits of a pass, by site. Traced.
   *
   * @param inputs - what `inputs` made, or arguments of a function that is being traced in their place
   * @param memory - what conditions know of earlier passes. Default: nothing
   */
  readonly edits: (inputs: PlanInputs, memory?: ConditionMemory) => ReadonlyMap<string, ValueEdit>;
  /** How many places of a pass each intervention touches if its condition holds, row by row: [row][intervention]. */
  readonly touched: (places: Places) => readonly (readonly number[])[];
}

/** The memory of a pass that follows none and is followed by none. */
const forgetful: ConditionMemory = { recall: () => undefined, keep: () => undefined };

/**
 * Plans sets that apply to all rows of a batch, one set after the other.
 *
 * @throws PatchClampError `BAD_INPUT` when two share a site and one says `conflict: "error"`, or tokens to match have no ids;
 * `SHAPE_MISMATCH` when the numbers of an intervention do not fit its site; and what `select` throws
 */
export function planInterventions(
  sets: readonly InterventionSet[],
  options: PlanOptions,
): InterventionPlan {
  return plan([sets], options);
}

/**
 * Plans a batch in which every row has sets of its own, or none. One graph serves them all.
 *
 * @param rows - the sets of each row
 * @throws PatchClampError as `planInterventions`
 */
export function planRows(
  rows: readonly (readonly InterventionSet[])[],
  options: PlanOptions,
): InterventionPlan {
  const isShared = rows.every(
    (sets) => sets.length === rows[0]!.length && sets.every((set, i) => set === rows[0]![i]),
  );
  return plan(isShared ? rows.slice(0, 1) : rows, options);
}

/** What one intervention is applied in. */
export interface EditContext extends StrengthOptions {
  readonly places: Places;
  /** Names of the site's axes. Default: batch, pos and what follows. */
  readonly axes?: readonly string[];
  readonly memory?: ConditionMemory;
  readonly encode?: Encode;
}

/**
 * One intervention as an edit of its site, for a pass over known places.
 *
 * @throws PatchClampError `BAD_INPUT` naming what is wrong with it; the edit, what `planInterventions` throws
 */
export function editOf(given: InterventionInput, context: EditContext): ValueEdit {
  const { places, axes, memory, encode, strength } = context;
  const interventions = [intervention(given)];
  return (x, place) => {
    const named = axes ?? ["batch", "pos", ...x.shape.slice(2).map(String)];
    const select = (): SiteForm[] => [{ name: place.site, axes: named, shape: x.shape }];
    const made = planInterventions([{ interventions, conflict: "compose" }], { select, encode });
    return made.edits(made.inputs(places, { strength }), memory).get(place.site)!(x, place);
  };
}

function plan(
  rows: readonly (readonly InterventionSet[])[],
  { select, encode }: PlanOptions,
): InterventionPlan {
  const selected = new Map<string, readonly SiteForm[]>();
  const sitesOf = (pattern: string): readonly SiteForm[] => {
    const found = selected.get(pattern) ?? select(pattern);
    selected.set(pattern, found);
    return found;
  };
  for (const sets of rows) {
    checkConflicts("interventions", sets, ({ site }) => sitesOf(site).map(({ name }) => name));
  }
  const perRow = rows.map((sets) => sets.flatMap(({ interventions }) => interventions));
  const slots = slotsOf(perRow, sitesOf);
  const choosers = new Map<Intervention, Chooser>();
  for (const one of perRow.flat()) choosers.set(one, chooserOf(one.at, encode));
  const fixed = Object.assign({}, ...slots.map(fixedInputs)) as PlanInputs;
  let before: PlanInputs = {};
  return {
    sites: [...new Set(slots.map(({ site }) => site.name))],
    states: slots.filter(keepsState).map(({ name }) => name),
    form: slots.map(({ name, form }) => `${name} ${form}`).join("\n"),
    inputs: (places, { strength = 1 } = {}) => {
      checkRows(rows.length, places);
      const strengths = strengthsOf(strength, places.ids.length);
      const pass = { places, choosers, strengths, before };
      const perPass = slots.map((slot) => passInputs(slot, pass));
      before = Object.assign({}, ...perPass) as PlanInputs;
      const phases = slots.some(isConditional) ? phaseInputs(places) : {};
      return { ...fixed, ...phases, ...before };
    },
    edits: (inputs, memory = forgetful) => editsOf(slots, inputs, memory),
    touched: (places) => {
      checkRows(rows.length, places);
      return places.ids.map((_, row) =>
        perRow[rows.length === 1 ? 0 : row]!.map((one) =>
          maskOf(choosers.get(one)!, oneRow(places, row)).reduce((sum, x) => sum + x, 0),
        ),
      );
    },
  };
}

/** One strength for each row. */
function strengthsOf(strength: number | readonly number[], batch: number): readonly number[] {
  const strengths =
    typeof strength === "number" ? Array.from({ length: batch }, () => strength) : strength;
  if (strengths.length === batch && strengths.every(Number.isFinite)) return strengths;
  throw new PatchClampError("BAD_OPTION", {
    where: "interventions",
    problem: `strength is ${JSON.stringify(strength)}, not a finite number, nor one for each of ${plural(batch, "row")}.`,
  });
}

function checkRows(planned: number, { ids }: Places): void {
  if (planned === 1 || planned === ids.length) return;
  throw new PatchClampError("BAD_INPUT", {
    where: "interventions",
    problem: `interventions were planned for ${plural(planned, "row")}, but the batch has ${ids.length}.`,
    fix: "give a list of sets for each row, or one for all.",
  });
}
