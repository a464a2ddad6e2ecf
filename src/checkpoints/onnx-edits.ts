// Interventions at the sites of an ONNX model: which they are, and as edits of a run.

import { PatchClampError } from "../core/errors.ts";
import type { Steering } from "../network/interventions.ts";
import { asSet } from "../network/interventions.ts";
import type { Edits } from "../network/network.ts";
import type { OnnxNetwork } from "../network/onnx/onnx-network.ts";
import { selectSites } from "../network/sites.ts";
import { full } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { Intervention } from "../values/index.ts";
import { checkConflicts } from "../values/intervention-set.ts";
import { kindOf } from "../values/kinds.ts";
import { leafOf } from "../values/numbers.ts";

/** Options of `onnxEdits` and `bakeOnnx`. */
export interface OnnxEditOptions {
  /** How much of every change is made: scales of `add` are multiplied by it, other changes go that part of the way. Default 1. */
  strength?: number;
}

/**
 * Interventions as edits of a run of an ONNX model: `net.run(given, { edit: onnxEdits(net, [calm]) })`.
 *
 * @param interventions - their sites are standard names that were recognised, names of values in the file, or patterns of them
 * @throws PatchClampError `UNKNOWN_SITE` when a site matches nothing, `UNSUPPORTED` for places and conditions, `BAD_INPUT` when sets that
 * allow no other share a site
 */
export function onnxEdits(
  network: OnnxNetwork,
  interventions: readonly Steering[],
  options: OnnxEditOptions = {},
): Edits {
  const { strength = 1 } = options;
  const edits: Record<string, Edits[string]> = {};
  for (const { site, intervention } of plannedEdits("onnxEdits", network, interventions)) {
    const before = edits[site];
    edits[site] = (x, place) => changed(before?.(x, place) ?? x, intervention, strength);
  }
  return edits;
}

/** An intervention at one of its sites. */
export interface PlannedEdit {
  readonly site: string;
  readonly intervention: Intervention;
}

/** Interventions site by site, in the order in which the network computes sites: a value may have several names, one after the other. */
export function plannedEdits(
  where: string,
  network: OnnxNetwork,
  interventions: readonly Steering[],
): PlannedEdit[] {
  const sets = interventions.map(asSet);
  const selected = new Map<Intervention, ReadonlySet<string>>();
  for (const one of sets.flatMap((set) => set.interventions)) {
    refuseOddPlaces(where, one);
    selected.set(one, new Set(selectSites(where, network.space, one.site)));
  }
  checkConflicts(where, sets, (one) => [...selected.get(one)!]);
  return [...network.space.sites].flatMap((site) =>
    [...selected].flatMap(([intervention, sites]) =>
      sites.has(site) ? [{ site, intervention }] : [],
    ),
  );
}

function refuseOddPlaces(where: string, { kind, site, at, when }: Intervention): void {
  const odd =
    at !== undefined ? "at chosen places" : when !== undefined ? "on a condition" : undefined;
  if (odd === undefined) return;
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `"${kind}" at "${site}" acts ${odd}, and in an ONNX model an intervention acts everywhere and always.`,
    fix: `take "${at === undefined ? "when" : "at"}" out of it, or steer the network that the model was made from.`,
    facts: { site },
  });
}

/** A value with an intervention made everywhere in it. */
function changed(x: Tensor, intervention: Intervention, strength: number): Tensor {
  const kind = kindOf(intervention);
  const parts = Object.entries(kind.parts(intervention, x.shape.at(-1)!)).map(
    ([name, numbers]) => [name, leafOf(numbers)] as const,
  );
  const gate = full([1], strength * (kind.amount?.(intervention) ?? 1), "float32");
  return kind.apply(x, Object.fromEntries(parts), gate, intervention);
}
