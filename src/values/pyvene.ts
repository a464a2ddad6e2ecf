// Interventions in the words of pyvene: representations by layer and component, with a constant source written as a list. pyvene is told
// positions when it runs, so what it says holds for all places.

import { z } from "zod";

import { PatchClampError } from "../core/errors.ts";
import type { Intervention, InterventionInput } from "./intervention.ts";
import type { InterventionSet, InterventionSetInput } from "./intervention-set.ts";
import { interventionSet } from "./intervention-set.ts";
import { numbers } from "./numbers.ts";
import { readValue } from "./schema.ts";

/** pyvene's components whose meaning does not depend on the family, and the sites that they are. */
const SITES: Readonly<Record<string, string>> = {
  block_input: "resid_pre",
  block_output: "resid_post",
  attention_output: "attn_out",
  mlp_output: "mlp_out",
};

const none = z.null().optional();

const representation = z.strictObject({
  layer: z.int().min(0),
  component: z.string(),
  unit: z.literal("pos").default("pos"),
  max_number_of_units: z.int().nullish(),
  /** A class of pyvene, by its name or as Python prints it. */
  intervention_type: z.string(),
  source_representation: numbers({ rank: [1, 1] }).nullish(),
  low_rank_dimension: none,
  intervention: none,
  subspace_partition: none,
  group_key: none,
  intervention_link_key: none,
  moe_key: none,
  hidden_source_representation: none,
});

const configSchema = z.strictObject({
  model_type: z.string().nullish(),
  mode: z.enum(["parallel", "serial"]).default("parallel"),
  representations: z.array(representation).min(1),
});

/** Interventions as pyvene's `IntervenableConfig` takes them, with lists for tensors. */
export interface PyveneConfig {
  readonly mode: "parallel";
  readonly representations: readonly {
    readonly layer: number;
    readonly component: string;
    readonly unit: "pos";
    readonly intervention_type: string;
    readonly source_representation: readonly number[] | null;
  }[];
}

/**
 * Reads interventions that are written as pyvene's config.
 *
 * @param json - `{ representations: [{ layer, component, intervention_type, source_representation }] }`
 * @throws PatchClampError `BAD_INPUT` naming the first field that is wrong; `UNSUPPORTED` for components and types that have no
 * equal here
 * @source pyvene 0.1.8, `RepresentationConfig` and `interventions.py`
 */
export function fromPyvene(json: unknown): InterventionSet {
  const { representations } = readValue("fromPyvene", "the config", configSchema, json);
  const interventions = representations.map((one): InterventionInput => {
    const site = Object.hasOwn(SITES, one.component) ? SITES[one.component] : undefined;
    if (site === undefined) {
      throw unsupported("fromPyvene", `the component "${one.component}" has no site of its own`);
    }
    const at = `blocks.${one.layer}.${site}`;
    const type = one.intervention_type
      .replace(/^<class '|'>$/g, "")
      .split(".")
      .at(-1)!;
    if (type === "ZeroIntervention") return { kind: "ablate", site: at };
    const source = one.source_representation;
    if (source === null || source === undefined) {
      throw unsupported("fromPyvene", `the type ${type} has no source_representation of its own`);
    }
    if (type === "AdditionIntervention") return { kind: "add", site: at, vector: source };
    if (type === "SubtractionIntervention") {
      return { kind: "add", site: at, vector: source, scale: -1 };
    }
    if (type === "VanillaIntervention") return { kind: "replace", site: at, value: source };
    throw unsupported(
      "fromPyvene",
      `the type ${type} is trained, or does what no kind of intervention does`,
    );
  });
  return interventionSet({ interventions });
}

/**
 * Writes interventions as pyvene's config.
 *
 * @param given - `add`, `replace` and `ablate` at residual streams and at the outputs of attention and MLP, at all places
 * @throws PatchClampError `UNSUPPORTED` naming what pyvene has no words for
 */
export function toPyvene(given: InterventionSetInput): PyveneConfig {
  const set = interventionSet(given);
  return {
    mode: "parallel",
    representations: set.interventions.map((one) => {
      const [, layer, site] = /^blocks\.(\d+)\.(\w+)$/.exec(one.site) ?? [];
      const component = Object.keys(SITES).find((name) => SITES[name] === site);
      if (component === undefined) {
        throw unsupported("toPyvene", `the site "${one.site}" is no component`);
      }
      if (one.at !== undefined || one.when !== undefined) {
        throw unsupported(
          "toPyvene",
          `"${one.kind}" at "${one.site}" applies at some places or times`,
        );
      }
      return { layer: Number(layer), component, unit: "pos", ...deedOf(one) };
    }),
  };
}

type Deed = Pick<
  PyveneConfig["representations"][number],
  "intervention_type" | "source_representation"
>;

function deedOf(one: Intervention): Deed {
  if (one.kind === "ablate" && one.mean === undefined) {
    return { intervention_type: "ZeroIntervention", source_representation: null };
  }
  if (one.kind === "add") {
    const vector = Array.from(one.vector.data, (x) => Math.fround(x * one.scale));
    return { intervention_type: "AdditionIntervention", source_representation: vector };
  }
  if (one.kind === "replace") {
    const source_representation = Array.from(one.value.data);
    return { intervention_type: "VanillaIntervention", source_representation };
  }
  throw unsupported("toPyvene", `there is no constant intervention for "${one.kind}"`);
}

function unsupported(where: string, problem: string): PatchClampError {
  return new PatchClampError("UNSUPPORTED", {
    where,
    problem: `${problem}, so it cannot be converted.`,
    fix: "use PatchClamp's own file form, which holds every intervention.",
  });
}
