// Several interventions that go together, and the network they were made for.

import { z } from "zod";

import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import { doseCurveSchema } from "./dose-curve.ts";
import type { Intervention } from "./intervention.ts";
import { interventionSchema } from "./intervention.ts";
import { readValue } from "./schema.ts";

/** The schema of a network's identity. */
export const networkSchema = z.strictObject({
  /** What it is called. */
  network: z.string(),
  /** Of `networkHash`. */
  hash: z.string().min(1),
  /** Width of its residual stream. */
  dModel: z.int().min(1),
});

/** Which network a value was made for or meets. */
export type NetworkIdentity = z.output<typeof networkSchema>;

/** What knows which network it is, as networks do. */
export interface Identified {
  readonly identity: () => Promise<NetworkIdentity>;
}

/** The schema of a set. */
export const interventionSetSchema = z.strictObject({
  /** What people call it. */
  name: z.string().min(1).optional(),
  /** In the order in which they apply. */
  interventions: z.array(interventionSchema).min(1),
  /** Whether several may change one site, one after the other, or that is refused. Default compose. */
  conflict: z.enum(["compose", "error"]).default("compose"),
  /** Default: unknown. */
  madeFor: networkSchema.optional(),
  /** What it does at which strength, measured. */
  curve: doseCurveSchema.optional(),
  note: z.string().optional(),
});

/** Interventions that go together. */
export type InterventionSet = z.output<typeof interventionSetSchema>;

/** A set as it is written by hand. */
export type InterventionSetInput = z.input<typeof interventionSetSchema>;

/**
 * Reads a set, fills in its defaults and holds it to its policy for conflicts.
 *
 * Sites given by patterns are compared when a network is at hand; here, as they are written.
 *
 * @throws PatchClampError `BAD_INPUT` naming the first field that is wrong, or the site that two interventions of a set that
 * says `conflict: "error"` share
 */
export function interventionSet(given: InterventionSetInput): InterventionSet {
  const set = readValue("interventionSet", "the set", interventionSetSchema, given);
  checkConflicts("interventionSet", [set]);
  return set;
}

/**
 * Holds sets that are used together to their policies: nobody may share a site with an intervention of a set that says `error`.
 *
 * @param sitesOf - the sites of an intervention. Default: its `site` as it is written
 * @throws PatchClampError `BAD_INPUT` naming the site and both interventions
 */
export function checkConflicts(
  where: string,
  sets: readonly InterventionSet[],
  sitesOf: (intervention: Intervention) => readonly string[] = ({ site }) => [site],
): void {
  const taken = new Map<string, { intervention: Intervention; isStrict: boolean }>();
  for (const { interventions, conflict } of sets) {
    const isStrict = conflict === "error";
    for (const intervention of interventions) {
      for (const site of sitesOf(intervention)) {
        const before = taken.get(site);
        if (before !== undefined && (isStrict || before.isStrict)) {
          throw new PatchClampError("BAD_INPUT", {
            where,
            problem: `"${site}" is changed by ${naming(before.intervention)} and by ${naming(intervention)}, and the set says conflict: "error".`,
            fix: 'take one of them out, or say conflict: "compose" to apply them in their order.',
            facts: { site },
          });
        }
        taken.set(site, { intervention, isStrict: isStrict || before?.isStrict === true });
      }
    }
  }
}

function naming({ kind, site }: Intervention): string {
  return `"${kind}" at "${site}"`;
}

/**
 * Puts sets that are used together into one, which applies their interventions in this order.
 *
 * @returns a set without curve, made for the network of the first set that says it; it says `conflict: "error"` when all do
 * @throws PatchClampError `BAD_INPUT` when two share a site and one says `conflict: "error"`, or they were made for networks of
 * different widths
 */
export function combined(sets: readonly InterventionSet[]): InterventionSet {
  const where = "combined";
  checkConflicts(where, sets);
  const known = sets.flatMap(({ madeFor }) => madeFor ?? []);
  const other = known.find(({ dModel }) => dModel !== known[0]!.dModel);
  if (other !== undefined) {
    throw new PatchClampError("BAD_INPUT", {
      where,
      problem: `one set was made for ${known[0]!.network}, which is ${known[0]!.dModel} wide, another for ${other.network}, which is ${other.dModel} wide.`,
      fix: "combine sets that were made for one network.",
    });
  }
  const names = sets.flatMap(({ name }) => name ?? []);
  return interventionSet({
    ...(names.length === 0 ? {} : { name: names.join(" + ") }),
    interventions: sets.flatMap(({ interventions }) => interventions),
    conflict: sets.every(({ conflict }) => conflict === "error") ? "error" : "compose",
    ...(known[0] === undefined ? {} : { madeFor: known[0] }),
  });
}

/** How the network a value was made for and the one it meets compare. */
export type Origin = "same" | "different" | "unknown";

/**
 * Compares the network that a value was made for with the one that it meets.
 *
 * @param madeFor - undefined where the value does not say it
 * @param network - undefined where none is at hand
 * @returns `different` where the hashes differ; `unknown` where a side is missing
 * @throws PatchClampError as `checkWidth`
 */
export function originOf(
  where: string,
  madeFor: NetworkIdentity | undefined,
  network: NetworkIdentity | undefined,
): Origin {
  if (madeFor === undefined || network === undefined) return "unknown";
  checkWidth(where, madeFor, network);
  return madeFor.hash === network.hash ? "same" : "different";
}

/**
 * Refuses a value that was made for a network of another width, to which nothing in it can fit.
 *
 * @throws PatchClampError `SHAPE_MISMATCH` naming both networks
 */
export function checkWidth(
  where: string,
  madeFor: NetworkIdentity,
  network: Pick<NetworkIdentity, "network" | "dModel">,
): void {
  if (madeFor.dModel === network.dModel) return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where,
    problem: `this was made for ${madeFor.network}, which is ${plural(madeFor.dModel, "number")} wide; ${network.network} is ${network.dModel} wide.`,
    fix: "use it with the network it was made for, or make it again for this one.",
    facts: { madeFor, network },
  });
}
