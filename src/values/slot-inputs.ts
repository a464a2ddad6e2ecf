// What the graph of a slot takes: its numbers, and in each pass its gate and the levels of its condition.

import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { PhaseMasks } from "./condition.ts";
import type { Intervention } from "./intervention.ts";
import { kindOf } from "./kinds.ts";
import type { Numbers } from "./numbers.ts";
import { leafOf } from "./numbers.ts";
import { probeParts } from "./probe.ts";
import { placeAxis } from "./site-form.ts";
import type { Slot } from "./slots.ts";
import { isConditional, sample } from "./slots.ts";
import { stacked } from "./stack.ts";
import type { Chooser, Places } from "./where.ts";
import { maskOf } from "./where.ts";

/** The inputs of a slot that are the same in every pass. */
export function fixedInputs(slot: Slot): Record<string, Tensor> {
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

/** What a pass is planned with. */
export interface PassPlan {
  readonly places: Places;
  readonly choosers: ReadonlyMap<Intervention, Chooser>;
  /** Of each row. */
  readonly strengths: readonly number[];
  /** The inputs of the pass before. */
  readonly before: Readonly<Record<string, Tensor>>;
}

/** The inputs of a slot that depend on the places: the gate, and the levels of its condition. */
export function passInputs(slot: Slot, plan: PassPlan): Record<string, Tensor> {
  const { places, choosers, strengths, before } = plan;
  const { name, site, rows } = slot;
  const batch = places.positions.length;
  const pos = places.positions[0]!.length;
  const gate = new Float32Array(batch * pos);
  const levels = { threshold: new Float32Array(batch), release: new Float32Array(batch) };
  for (let row = 0; row < batch; row++) {
    const one = rows[rows.length === 1 ? 0 : row];
    if (one === undefined) continue;
    const amount = (kindOf(one).amount?.(one) ?? 1) * strengths[row]!;
    const mask = maskOf(choosers.get(one)!, oneRow(places, row));
    for (const [i, bit] of mask.entries()) gate[row * pos + i] = bit === 0 ? 0 : amount;
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
  const inputs = { [`${name}${GATE}`]: { shape, data: gate } };
  for (const [level, data] of isConditional(slot) ? Object.entries(levels) : []) {
    inputs[`${name}.when.${level}`] = { shape: [batch, 1], data };
  }
  return Object.fromEntries(
    Object.entries(inputs).map(([key, numbers]) => [key, sameOr(before[key], numbers)]),
  );
}

/** The tensor of the pass before where it holds the same numbers: the device has it already. */
function sameOr(before: Tensor | undefined, numbers: Numbers): Tensor {
  const { shape, data } = numbers;
  const held = before?.value?.data;
  const isSame =
    before !== undefined &&
    held instanceof Float32Array &&
    before.shape.join() === shape.join() &&
    held.every((x, i) => x === data[i]);
  return isSame ? before : leafOf(numbers);
}

/** Whether an input says how much an intervention does at every place of a pass. */
export function isGate(name: string): boolean {
  return name.endsWith(GATE);
}

const GATE = ".gate";

/** Whether an input says which phase every place of a pass is in. */
export function isPhase(name: string): boolean {
  return name.startsWith(PHASES);
}

/** How the names of the masks that conditions share begin. */
export const PHASES = "interventions.phase";

/** The inputs that all conditions share. */
export function phaseInputs(places: Places): Record<string, Tensor> {
  const { positions, promptLengths } = places;
  const shape = [positions.length, positions[0]!.length];
  const masks: Record<keyof PhaseMasks, (position: number, row: number) => boolean> = {
    prompt: (position, row) => position >= 0 && position < promptLengths[row]!,
    generated: (position, row) => position >= promptLengths[row]!,
    promptEnd: (position, row) => position === promptLengths[row]! - 1,
    end: (position, row) => position >= 0 && position === Math.max(...positions[row]!),
  };
  return Object.fromEntries(
    Object.entries(masks).map(([phase, holds]) => {
      const bits = positions.flatMap((row, i) => row.map((position) => Number(holds(position, i))));
      const data = Float32Array.from(bits);
      return [`${PHASES}.${phase}`, fromHost(data, { shape, dtype: "float32" })];
    }),
  );
}

/** The places of one row. */
export function oneRow({ ids, positions, promptLengths }: Places, row: number): Places {
  return { ids: [ids[row]!], positions: [positions[row]!], promptLengths: [promptLengths[row]!] };
}
