// Interventions, conditions and sets in words.

import { plural } from "../core/text.ts";
import type { Adapter } from "./adapter.ts";
import type { Condition } from "./condition.ts";
import { describeCurve } from "./describe-curve.ts";
import { normOf } from "./directions.ts";
import type { Intervention } from "./intervention.ts";
import type { InterventionSet } from "./intervention-set.ts";
import type { Numbers } from "./numbers.ts";
import { describeWhere } from "./where.ts";

/** One sentence on what an intervention does: "adds 4 x a direction of norm 1.3 to blocks.3.resid_post at generated positions". */
export function describe(intervention: Intervention): string {
  const { site, at, when } = intervention;
  const where = describeWhere(at);
  return [
    deed(intervention, site),
    ...(where === "" ? [] : [where]),
    ...(when === undefined ? [] : [describeCondition(when)]),
  ].join(" ");
}

/** One line for each intervention of a set, with what the set says of itself. */
export function describeSet(set: InterventionSet): string {
  const { name, interventions, madeFor, curve, note } = set;
  const origin =
    madeFor === undefined
      ? ""
      : ` for ${madeFor.network} (${plural(madeFor.dModel, "number")} wide)`;
  const head = `${name ?? "a set"}: ${plural(interventions.length, "intervention")}${origin}`;
  return [
    head,
    ...(note === undefined ? [] : [note]),
    ...interventions.map((one) => `- ${describe(one)}`),
    ...(curve === undefined ? [] : [describeCurve(curve)]),
  ].join("\n");
}

/** One sentence on an adapter. */
export function describeAdapter({ targets, alpha, note }: Adapter): string {
  const names = Object.keys(targets);
  const ranks = [...new Set(Object.values(targets).map(({ a }) => a.shape[0]!))];
  const words = `adds updates of rank ${ranks.join(" or ")} to ${plural(names.length, "weight matrix").replace("matrixs", "matrices")}, scaled by ${alpha} / rank`;
  return note === undefined ? words : `${words} (${note})`;
}

function deed(one: Intervention, site: string): string {
  switch (one.kind) {
    case "add":
      return `adds ${short(one.scale)} x ${vectorWords(one.vector)} to ${site}`;
    case "project-out": {
      const width = one.basis.shape.at(-1)!;
      return `takes ${plural(one.basis.data.length / width, "direction")} out of ${site}`;
    }
    case "clamp":
      return `keeps ${site} along a direction ${rangeWords(one.min, one.max)}`;
    case "scale":
      return typeof one.gain === "number"
        ? `multiplies ${site} by ${short(one.gain)}`
        : `multiplies ${site} by ${plural(one.gain.data.length, "gain")}`;
    case "affine":
      return `maps ${site} by a matrix${one.bias === undefined ? "" : " and a bias"}`;
    case "replace":
      return `replaces ${site} by a value of norm ${short(normOf(one.value.data))}`;
    case "ablate":
      return `replaces ${site} by ${one.mean === undefined ? "zero" : "a mean"}`;
    case "mask": {
      const silenced = one.keep.data.filter((x) => x === 0).length;
      return `silences ${silenced} of ${plural(one.keep.data.length, "unit")} of ${site}`;
    }
    case "experts":
      return `${expertWords(one)} at ${site}`;
    case "feature":
      return `${featureWords(one)} at ${site}`;
  }
}

function vectorWords({ shape, data }: Numbers): string {
  const norm = short(normOf(data));
  return shape.length === 1 ? `a direction of norm ${norm}` : `numbers of norm ${norm}`;
}

function rangeWords(min: number | undefined, max: number | undefined): string {
  if (min === undefined) return `at most ${short(max!)}`;
  if (max === undefined) return `at least ${short(min)}`;
  return min === max ? `at ${short(min)}` : `between ${short(min)} and ${short(max)}`;
}

function expertWords(one: Extract<Intervention, { kind: "experts" }>): string {
  const { on = [], off = [], topK } = one;
  const list = (what: string, which: readonly number[]): string[] =>
    which.length === 0 ? [] : [`switches ${which.join(", ")} ${what}`];
  const best = topK === undefined ? [] : [`uses the best ${topK} alone`];
  return `of the experts ${[...list("on", on), ...list("off", off), ...best].join(" and ")}`;
}

function featureWords(one: Extract<Intervention, { kind: "feature" }>): string {
  const { index, dictionary = "a dictionary", value, mode } = one;
  const feature = `feature ${index} of ${dictionary}`;
  if (mode === "set") return `sets ${feature} to ${short(value)}`;
  return mode === "scale"
    ? `multiplies ${feature} by ${short(value)}`
    : `adds ${short(value)} to ${feature}`;
}

/** "while a probe of blocks.2.resid_post reads more than 1.5". */
export function describeCondition(condition: Condition): string {
  const { probe, per, pool, threshold = probe.threshold, release, negate } = condition;
  const how = per === "token" ? "while" : "if";
  const of = per === "token" ? "" : ` as the ${pool} of the prompt`;
  const level = `${negate ? "no more" : "more"} than ${short(threshold)}`;
  const until = release === undefined ? "" : `, until it falls to ${short(release)}`;
  return `${how} a probe of ${probe.site} reads ${level}${of}${until}`;
}

/** A number with three significant digits. */
function short(x: number): string {
  return `${Number(x.toPrecision(3))}`;
}
