// The pieces of a graph that interventions become. Those of one form at one site share a piece, a slot, with at most one of each row.

import { formOf } from "./condition.ts";
import type { Intervention } from "./intervention.ts";
import { kindOf } from "./kinds.ts";
import type { Numbers } from "./numbers.ts";
import { probeParts } from "./probe.ts";
import { checkFits, type SiteForm } from "./site-form.ts";

/** Interventions of one form at one site, at most one a row. */
export interface Slot {
  readonly name: string;
  readonly site: SiteForm;
  readonly form: string;
  /** By row; of one for all rows, there is one. */
  readonly rows: (Intervention | undefined)[];
}

/** Lines the interventions of all rows up, so that those of one form share a slot and every row keeps its order. */
export function slotsOf(
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
  checkFits(one, site, laid(parts, kind.free), kind.whole);
  const { when } = one;
  const condition =
    when === undefined
      ? []
      : [when.probe.site, formOf(when), Object.values(probeParts(when.probe)).map(shapeOf)];
  return JSON.stringify([one.kind, kind.form?.(one), Object.values(parts).map(shapeOf), condition]);
}

/** The parts that are laid against the site. */
function laid(
  parts: Readonly<Record<string, Numbers>>,
  free: readonly string[] = [],
): Record<string, Numbers> {
  return Object.fromEntries(Object.entries(parts).filter(([name]) => !free.includes(name)));
}

function shapeOf({ shape }: Numbers): readonly number[] {
  return shape;
}

/** Any intervention of a slot; all have its form. */
export function sample({ rows }: Slot): Intervention {
  return rows.find((one) => one !== undefined)!;
}

/** Whether a slot applies at some times alone. */
export function isConditional(slot: Slot): boolean {
  return sample(slot).when !== undefined;
}

/** Whether the condition of a slot keeps something from pass to pass. */
export function keepsState(slot: Slot): boolean {
  const { when } = sample(slot);
  return when !== undefined && (when.per === "prompt" || when.release !== undefined);
}
