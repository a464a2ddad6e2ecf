// Random twins of interventions: the same site, places, condition and size, another direction. What they do is what any push of this
// size does.

import type { Rng } from "../../core/rng.ts";
import { normOf } from "../../values/index.ts";
import type { Intervention, InterventionSet } from "../../values/index.ts";

type Numbers = Extract<Intervention, { kind: "add" }>["vector"];

/**
 * A set of the same form with directions drawn at random.
 *
 * Directions have the norms they had; bases as many vectors; matrices are as far from the identity; masks and gains are shuffled among
 * units; experts are other experts; features are read as before and write elsewhere. What has neither direction nor choice, such as a
 * gain for all units or zero in place of all, stays as it is.
 *
 * @param widthOf - the last axis of a site, in units
 * @returns undefined when nothing in the set has a direction or choice, so that there is no such control
 */
export function randomTwin(
  set: InterventionSet,
  rng: Rng,
  widthOf: (site: string) => number,
): InterventionSet | undefined {
  const twins = set.interventions.map((one, i) => twinOf(one, rng.split(i), widthOf));
  if (twins.every((twin) => twin === undefined)) return undefined;
  const { conflict } = set;
  return { interventions: twins.map((twin, i) => twin ?? set.interventions[i]!), conflict };
}

function twinOf(
  one: Intervention,
  rng: Rng,
  widthOf: (site: string) => number,
): Intervention | undefined {
  switch (one.kind) {
    case "add":
      return { ...one, vector: randomLike(one.vector, rng) };
    case "project-out":
      return { ...one, basis: randomLike(one.basis, rng) };
    case "clamp":
      return { ...one, direction: randomLike(one.direction, rng) };
    case "replace":
      return { ...one, value: randomLike(one.value, rng) };
    case "ablate":
      return one.mean === undefined ? undefined : { ...one, mean: randomLike(one.mean, rng) };
    case "scale":
      return typeof one.gain === "number" ? undefined : { ...one, gain: shuffled(one.gain, rng) };
    case "mask":
      return { ...one, keep: shuffled(one.keep, rng) };
    case "affine": {
      const bias = one.bias === undefined ? {} : { bias: randomLike(one.bias, rng.split("bias")) };
      return { ...one, weight: randomMatrixLike(one.weight, rng), ...bias };
    }
    case "experts":
      return otherExperts(one, rng, widthOf(one.site));
    case "feature": {
      const { decoder } = one.row;
      return { ...one, row: { ...one.row, decoder: randomLike(decoder, rng) } };
    }
  }
}

/** Random numbers whose rows along the last axis have the norms of these. */
function randomLike({ shape, data }: Numbers, rng: Rng): Numbers {
  const width = shape.at(-1)!;
  const drawn = rng.normals(data.length);
  for (let start = 0; start < data.length; start += width) {
    const row = drawn.subarray(start, start + width);
    const factor = normOf(data.subarray(start, start + width)) / normOf(row);
    row.set(row.map((x) => x * factor));
  }
  return { shape, data: drawn };
}

/** I + R, with R as large as the matrix less the identity: I. */
function randomMatrixLike({ shape, data }: Numbers, rng: Rng): Numbers {
  const width = shape.at(-1)!;
  const identity = (i: number): number => (i % (width + 1) === 0 ? 1 : 0);
  const change = data.map((x, i) => x - identity(i));
  const drawn = rng.normals(data.length);
  const factor = normOf(change) / normOf(drawn);
  return { shape, data: drawn.map((x, i) => identity(i) + x * factor) };
}

function shuffled({ shape, data }: Numbers, rng: Rng): Numbers {
  return { shape, data: Float32Array.from(rng.shuffle(Array.from(data))) };
}

function otherExperts(
  one: Extract<Intervention, { kind: "experts" }>,
  rng: Rng,
  experts: number,
): Intervention | undefined {
  const { on = [], off = [] } = one;
  if (on.length + off.length === 0) return undefined;
  const drawn = Array.from(rng.permutation(experts));
  return {
    ...one,
    ...(one.on === undefined ? {} : { on: drawn.slice(0, on.length) }),
    ...(one.off === undefined ? {} : { off: drawn.slice(on.length, on.length + off.length) }),
  };
}
