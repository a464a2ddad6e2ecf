// Interventions as values: where in a network, at which places, when, and what is done there. One schema serves the library, the
// command line, the server and the studio.

import { z } from "zod";

import { conditionSchema } from "./condition.ts";
import { featureRowSchema } from "./feature-row.ts";
import { numbers } from "./numbers.ts";
import { readValue } from "./schema.ts";
import { whereSchema } from "./where.ts";

const common = {
  /** Name or pattern of the sites that are changed, such as `blocks.3.resid_post`. */
  site: z.string().min(1),
  /** Which places. Default: all. */
  at: whereSchema.optional(),
  /** When. Default: always. */
  when: conditionSchema.optional(),
  /** Words for people. */
  note: z.string().optional(),
};

const finite = z.number();
const experts = z.array(z.int().min(0)).min(1);
const direction = { rank: [1, 1], hasDirection: true } as const;

/** Adds `scale` times a vector: x + scale * vector. */
const add = z.strictObject({
  kind: z.literal("add"),
  ...common,
  /** [width], or more axes that end as those of the site. */
  vector: numbers(),
  /** Default 1. */
  scale: finite.default(1),
});

/** Takes out what lies in the span of some directions: x - Q Qᵀ x, with Q orthonormal. */
const projectOut = z.strictObject({
  kind: z.literal("project-out"),
  ...common,
  /** [width] or [direction, width]; made orthonormal before use. */
  basis: numbers({ rank: [1, 2], hasDirection: true }),
});

/** Keeps the component along the unit vector of a direction within a range; what is orthogonal to it stays. */
const clamp = z
  .strictObject({
    kind: z.literal("clamp"),
    ...common,
    /** [width], of any length. */
    direction: numbers(direction),
    /** In units of the activation. Default: no limit. */
    min: finite.optional(),
    max: finite.optional(),
  })
  .superRefine(({ min, max }, context) => {
    const problem =
      min === undefined && max === undefined
        ? "has neither min nor max, so it would change nothing"
        : min !== undefined && max !== undefined && min > max
          ? `has min ${min} above max ${max}`
          : undefined;
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });

/** Multiplies: x * gain. */
const scale = z.strictObject({
  kind: z.literal("scale"),
  ...common,
  /** One number, or [width]. */
  gain: z.union([finite, numbers()]),
});

/** Maps: W x + b. */
const affine = z
  .strictObject({
    kind: z.literal("affine"),
    ...common,
    /** [out, in], both the site's width. */
    weight: numbers({ rank: [2, 2], isSquare: true }),
    /** [width]. Default: zeros. */
    bias: numbers({ rank: [1, 1] }).optional(),
  })
  .superRefine(({ weight, bias }, context) => {
    if (bias === undefined || bias.shape[0] === weight.shape[0]) return;
    const message = `has ${bias.shape[0]} numbers for a weight of [${weight.shape.join(", ")}]`;
    context.addIssue({ code: "custom", message, path: ["bias"] });
  });

/** Puts a value in place of what is there. */
const replace = z.strictObject({
  kind: z.literal("replace"),
  ...common,
  /** [width], or more axes that end as those of the site; an axis of size 1 is repeated. */
  value: numbers(),
});

/** Puts zero, or a mean activation, in place of what is there. */
const ablate = z.strictObject({
  kind: z.literal("ablate"),
  ...common,
  /** As `value` of `replace`. Default: zero. */
  mean: numbers().optional(),
});

/** Keeps some units and silences the others: x * keep. */
const mask = z
  .strictObject({
    kind: z.literal("mask"),
    ...common,
    /** 1 for units that stay, 0 for those that go: [width], or [head, 1] for heads. */
    keep: numbers(),
  })
  .superRefine(({ keep }, context) => {
    if (keep.data.every((x) => x >= 0 && x <= 1)) return;
    context.addIssue({ code: "custom", message: "holds numbers outside 0..1", path: ["keep"] });
  });

/** Switches experts of a mixture on or off for every token, at `blocks.{i}.moe.router_logits`. */
const expertSwitch = z
  .strictObject({
    kind: z.literal("experts"),
    ...common,
    /** Experts that are always used, by number. */
    on: experts.optional(),
    /** Experts that are never used. */
    off: experts.optional(),
    /** Only the best so many are used. */
    topK: z.int().min(1).optional(),
  })
  .superRefine(({ on = [], off = [], topK }, context) => {
    const both = on.find((expert) => off.includes(expert));
    const problem =
      both !== undefined
        ? `has expert ${both} both on and off`
        : on.length + off.length === 0 && topK === undefined
          ? "has none of on, off and topK, so it would change nothing"
          : undefined;
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });

/**
 * Changes how much of a dictionary's feature there is: f becomes `value`, f * value or f + value, where f is what the dictionary
 * reads. The difference times the feature's decoder row is added, so that nothing else changes: neither other features nor what the
 * dictionary does not explain. `featureIntervention` makes it.
 */
const feature = z.strictObject({
  kind: z.literal("feature"),
  ...common,
  /** What people call the dictionary. */
  dictionary: z.string().min(1).optional(),
  /** Which feature of the dictionary; for people, as all that is needed of it is in `row`. */
  index: z.int().min(0),
  /** In units of the feature. */
  value: finite,
  /** Default set. */
  mode: z.enum(["set", "scale", "add"]).default("set"),
  row: featureRowSchema,
});

/** The schema of an intervention. */
export const interventionSchema = z.discriminatedUnion("kind", [
  add,
  projectOut,
  clamp,
  scale,
  affine,
  replace,
  ablate,
  mask,
  expertSwitch,
  feature,
]);

/** One change to what a network computes. */
export type Intervention = z.output<typeof interventionSchema>;

/** An intervention as it is written by hand: numbers in any form, defaults left out. */
export type InterventionInput = z.input<typeof interventionSchema>;

/** What can be done at a site. */
export type InterventionKind = Intervention["kind"];

/**
 * Reads an intervention and fills in its defaults.
 *
 * @throws PatchClampError `BAD_INPUT` naming the first field that is wrong
 */
export function intervention(given: InterventionInput): Intervention {
  return readValue("intervention", "the intervention", interventionSchema, given);
}
