// Interventions woven into a graph. A plan knows which sites are changed and in what form; the numbers - vectors, strengths, masks,
// thresholds - are inputs of the graph. So changing a strength compiles nothing, and the rows of a batch may each have
// interventions of their own in one graph: their numbers are stacked.

import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ConditionMemory, PhaseMasks } from "./condition.ts";
import { conditionGate, formOf, probed } from "./condition.ts";
import type { Intervention, InterventionInput } from "./intervention.ts";
import { intervention } from "./intervention.ts";
import type { InterventionSet } from "./intervention-set.ts";
import { checkConflicts } from "./intervention-set.ts";
import { kindOf } from "./kinds.ts";
import type { Numbers } from "./numbers.ts";
import { leafOf } from "./numbers.ts";
import { probeParts } from "./probe.ts";
import { checkFits, placeAxis, type SiteForm } from "./site-form.ts";
import { stacked } from "./stack.ts";
import type { Chooser, Encode, Places } from "./where.ts";
import { chooserOf, maskOf } from "./where.ts";

/** A new value for a site from the one there; what networks call an edit. */
export type ValueEdit = (
  x: Tensor,
  place: { readonly site: string; readonly sites: ReadonlyMap<string, Tensor> },
) => Tensor;

/** Tensors by name: what a graph takes for its interventions. */
export type PlanInputs = Readonly<Record<string, Tensor>>;

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
 * `SHAPE_MISMATCH` when the numbers of an intervention do not fit its site; `UNSUPPORTED` for features of dictionaries; and what
 * `select` throws
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

/** Interventions of one form at one site, at most one a row: they become one piece of the graph. */
interface Slot {
  readonly name: string;
  readonly site: SiteForm;
  readonly form: string;
  /** By row; of one for all rows, there is one. */
  readonly rows: (Intervention | undefined)[];
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
  return {
    sites: [...new Set(slots.map(({ site }) => site.name))],
    states: slots.filter(keepsState).map(({ name }) => name),
    inputs: (places, { strength = 1 } = {}) => {
      checkRows(rows.length, places);
      const strengths = places.ids.map((_, row) =>
        typeof strength === "number" ? strength : strength[row]!,
      );
      const perPass = slots.map((slot) => passInputs(slot, places, choosers, strengths));
      const phases = slots.some(isConditional) ? phaseInputs(places) : {};
      return Object.assign({}, fixed, phases, ...perPass) as PlanInputs;
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

/** Lines the interventions of all rows up, so that those of one form share a slot and every row keeps its order. */
function slotsOf(
  perRow: readonly (readonly Intervention[])[],
  sitesOf: (pattern: string) => readonly SiteForm[],
): Slot[] {
  const bySite = new Map<string, Slot[]>();
  for (const [row, interventions] of perRow.entries()) {
    const next = new Map<string, number>();
    for (const one of interventions) {
      for (const site of sitesOf(one.site)) {
        const slots = bySite.get(site.name) ?? [];
        bySite.set(site.name, slots);
        const form = slotForm(one, site);
        const from = next.get(site.name) ?? 0;
        let at = slots.findIndex((slot, i) => i >= from && slot.form === form);
        if (at < 0) {
          at = slots.length;
          const name = `interventions.${site.name}.${at}`;
          slots.push({ name, site, form, rows: perRow.map(() => undefined) });
        }
        slots[at]!.rows[row] = one;
        next.set(site.name, at + 1);
      }
    }
  }
  return [...bySite.values()].flat();
}

/** What interventions must have in common to be one piece of a graph; checks that this one fits its site. */
function slotForm(one: Intervention, site: SiteForm): string {
  const kind = kindOf(one);
  const parts = kind.parts(one, site.shape.at(-1)!);
  checkFits(one, site, parts, kind.whole);
  const { when } = one;
  const condition =
    when === undefined
      ? []
      : [when.probe.site, formOf(when), Object.values(probeParts(when.probe)).map(shapeOf)];
  return JSON.stringify([one.kind, kind.form?.(one), Object.values(parts).map(shapeOf), condition]);
}

function shapeOf({ shape }: Numbers): readonly number[] {
  return shape;
}

/** Any intervention of a slot; all have its form. */
function sample({ rows }: Slot): Intervention {
  return rows.find((one) => one !== undefined)!;
}

function isConditional(slot: Slot): boolean {
  return sample(slot).when !== undefined;
}

function keepsState(slot: Slot): boolean {
  const { when } = sample(slot);
  return when !== undefined && (when.per === "prompt" || when.release !== undefined);
}

/** The inputs of a slot that are the same in every pass. */
function fixedInputs(slot: Slot): Record<string, Tensor> {
  const { name, site, rows } = slot;
  const inputs: Record<string, Tensor> = {};
  const put = (key: string, parts: readonly (Numbers | undefined)[], rank: number): void => {
    inputs[`${name}.${key}`] = leafOf(stacked(parts, rank), `${name}.${key}`);
  };
  const width = site.shape.at(-1)!;
  const perRow = rows.map((one) => (one === undefined ? {} : kindOf(one).parts(one, width)));
  const any = sample(slot);
  for (const key of Object.keys(kindOf(any).parts(any, width))) {
    put(
      key,
      perRow.map((parts) => parts[key]),
      site.shape.length,
    );
  }
  if (any.when === undefined) return inputs;
  const probes = rows.map((one) => (one?.when === undefined ? {} : probeParts(one.when.probe)));
  for (const key of Object.keys(probeParts(any.when.probe))) {
    put(
      `when.${key}`,
      probes.map((parts) => parts[key]),
      3,
    );
  }
  return inputs;
}

/** The inputs of a slot that depend on the places: the gate, and the levels of its condition. */
function passInputs(
  { name, site, rows }: Slot,
  places: Places,
  choosers: ReadonlyMap<Intervention, Chooser>,
  strengths: readonly number[],
): Record<string, Tensor> {
  const batch = places.positions.length;
  const pos = places.positions[0]!.length;
  const gate = new Float32Array(batch * pos);
  const levels = { threshold: new Float32Array(batch), release: new Float32Array(batch) };
  for (let row = 0; row < batch; row++) {
    const one = rows[rows.length === 1 ? 0 : row];
    if (one === undefined) continue;
    const amount = (kindOf(one).amount?.(one) ?? 1) * strengths[row]!;
    const mask = maskOf(choosers.get(one)!, oneRow(places, row));
    gate.set(
      mask.map((bit) => bit * amount),
      row * pos,
    );
    if (one.when === undefined) continue;
    const { probe, per, pool, threshold = probe.threshold, release = threshold } = one.when;
    // a prompt's mean is judged by its sum
    const times = per === "prompt" && pool === "mean" ? places.promptLengths[row]! : 1;
    levels.threshold[row] = threshold * times;
    levels.release[row] = release * times;
  }
  const shape = site.shape.map(() => 1);
  shape[0] = batch;
  shape[placeAxis(site)] = pos;
  const inputs: Record<string, Tensor> = { [`${name}.gate`]: leafOf({ shape, data: gate }) };
  if (!rows.some((one) => one?.when !== undefined)) return inputs;
  for (const [level, data] of Object.entries(levels)) {
    inputs[`${name}.when.${level}`] = leafOf({ shape: [batch, 1], data });
  }
  return inputs;
}

const PHASES = "interventions.phase";

function phaseInputs(places: Places): Record<string, Tensor> {
  const { positions, promptLengths } = places;
  const shape = [positions.length, positions[0]!.length];
  const masks: Record<keyof PhaseMasks, (position: number, row: number) => boolean> = {
    prompt: (position, row) => position >= 0 && position < promptLengths[row]!,
    generated: (position, row) => position >= promptLengths[row]!,
    promptEnd: (position, row) => position === promptLengths[row]! - 1,
    end: (position, row) => position === Math.max(...positions[row]!),
  };
  return Object.fromEntries(
    Object.entries(masks).map(([phase, holds]) => {
      const bits = positions.flatMap((row, i) => row.map((position) => Number(holds(position, i))));
      const data = Float32Array.from(bits);
      return [`${PHASES}.${phase}`, fromHost(data, { shape, dtype: "float32" })];
    }),
  );
}

function oneRow({ ids, positions, promptLengths }: Places, row: number): Places {
  return { ids: [ids[row]!], positions: [positions[row]!], promptLengths: [promptLengths[row]!] };
}

function checkRows(planned: number, { ids }: Places): void {
  if (planned === 1 || planned === ids.length) return;
  throw new PatchClampError("BAD_INPUT", {
    where: "interventions",
    problem: `interventions were planned for ${plural(planned, "row")}, but the batch has ${ids.length}.`,
    fix: "give a list of sets for each row, or one for all.",
  });
}

function editsOf(
  slots: readonly Slot[],
  inputs: PlanInputs,
  memory: ConditionMemory,
): Map<string, ValueEdit> {
  const edits = new Map<string, ValueEdit>();
  for (const slot of slots) {
    const before = edits.get(slot.site.name);
    edits.set(slot.site.name, (x, place) => {
      const start = before?.(x, place) ?? x;
      const gate = gateOf(slot, start, place, inputs, memory);
      const any = sample(slot);
      return kindOf(any).apply(start, under(`${slot.name}.`, inputs), gate, any);
    });
  }
  return edits;
}

/** How much of its change each place gets: [batch, pos] with axes of size 1 for the rest of the site's. */
function gateOf(
  slot: Slot,
  x: Tensor,
  place: Parameters<ValueEdit>[1],
  inputs: PlanInputs,
  memory: ConditionMemory,
): Tensor {
  const gate = inputs[`${slot.name}.gate`]!;
  const { when } = sample(slot);
  if (when === undefined) return gate;
  const { threshold, release, ...parts } = under(`${slot.name}.when.`, inputs);
  const holds = conditionGate(probed(when, x, place), {
    name: slot.name,
    form: formOf(when),
    parts,
    levels: { threshold: threshold!, release: release! },
    masks: under(`${PHASES}.`, inputs) as unknown as PhaseMasks,
    memory,
  });
  const [batch, pos] = holds.shape as [number, number];
  const shape = gate.shape.map(() => 1);
  shape[0] = batch;
  shape[placeAxis(slot.site)] = pos;
  return gate.mul(holds.reshape(shape));
}

/** Inputs whose names begin with `prefix`, without it. */
function under(prefix: string, inputs: PlanInputs): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(inputs)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );
}
