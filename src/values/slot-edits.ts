// The graph of slots: edits that read their inputs by name.

import type { Tensor } from "../tensor/tensor.ts";
import type { ConditionMemory, PhaseMasks } from "./condition.ts";
import { conditionGate, formOf, probed } from "./condition.ts";
import { kindOf } from "./kinds.ts";
import { placeAxis } from "./site-form.ts";
import { PHASES } from "./slot-inputs.ts";
import type { Slot } from "./slots.ts";
import { sample } from "./slots.ts";

/** A new value for a site from the one there; what networks call an edit. */
export type ValueEdit = (
  x: Tensor,
  place: { readonly site: string; readonly sites: ReadonlyMap<string, Tensor> },
) => Tensor;

/** Tensors by name: what a graph takes for its interventions. */
export type PlanInputs = Readonly<Record<string, Tensor>>;

/** The edit of each site: its slots in their order. */
export function editsOf(
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
