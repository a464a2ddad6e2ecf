// Dictionaries: directions of which a few add up to an activation. Sparse autoencoders of several kinds, and linear ones (PCA).

import { z } from "zod";

import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Direction } from "./directions.ts";
import { networkSchema } from "./intervention-set.ts";
import { normalisationSchema, normalised } from "./normalisation.ts";
import { leafOf, numbers } from "./numbers.ts";
import { readValue } from "./schema.ts";

const vector = numbers({ rank: [1, 1] });
const matrix = numbers({ rank: [2, 2] });

const activationSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("relu") }),
  /** A ReLU that is 0 up to and with a threshold of each feature's own. Gated dictionaries with tied weights are of this form. */
  z.strictObject({ kind: z.literal("jumprelu"), threshold: vector }),
  /** A ReLU of the best k of a place; 0 for all others. */
  z.strictObject({ kind: z.literal("topk"), k: z.int().min(1) }),
  z.strictObject({ kind: z.literal("identity") }),
]);

/** The schema of a dictionary. */
export const dictionarySchema = z
  .strictObject({
    /** What people call it. */
    name: z.string().min(1).optional(),
    /** Where it was made for, such as `blocks.3.resid_post`; at `blocks.{i}.attn.z` it reads all heads behind one another. */
    site: z.string().min(1),
    /** Weight [feature, width] and bias [feature]: W x + b, before the activation function. */
    encoder: z.strictObject({ weight: matrix, bias: vector }),
    /** Weight [feature, width], one direction a row, and bias [width]. */
    decoder: z.strictObject({ weight: matrix, bias: vector }),
    activation: activationSchema,
    /** Whether the decoder's bias is taken off what is encoded. Default false. */
    isCentred: z.boolean().default(false),
    normalisation: normalisationSchema,
    /** Default: unknown. */
    madeFor: networkSchema.optional(),
    note: z.string().optional(),
  })
  .superRefine(({ encoder, decoder, activation }, context) => {
    const [features, width] = encoder.weight.shape as [number, number];
    const wrong = (path: PropertyKey[], message: string): void =>
      context.addIssue({ code: "custom", path, message });
    const checks: [path: PropertyKey[], found: readonly number[], expected: number[]][] = [
      [["encoder", "bias"], encoder.bias.shape, [features]],
      [["decoder", "weight"], decoder.weight.shape, [features, width]],
      [["decoder", "bias"], decoder.bias.shape, [width]],
    ];
    if (activation.kind === "jumprelu") {
      checks.push([["activation", "threshold"], activation.threshold.shape, [features]]);
    }
    for (const [path, found, expected] of checks) {
      if (found.join() === expected.join()) continue;
      wrong(path, `has the shape [${found.join(", ")}], not [${expected.join(", ")}]`);
    }
    if (width < 2) wrong(["encoder", "weight"], "reads one number, which is no activation");
    if (activation.kind === "topk" && activation.k > features) {
      wrong(
        ["activation", "k"],
        `is ${activation.k}, and there are ${plural(features, "feature")}`,
      );
    }
  });

/** Directions of which a few add up to an activation, and what finds them in it. */
export type Dictionary = z.output<typeof dictionarySchema>;

/** A dictionary as it is written by hand. */
export type DictionaryInput = z.input<typeof dictionarySchema>;

/**
 * Reads a dictionary and fills in its defaults.
 *
 * @throws PatchClampError `BAD_INPUT` naming the first field that is wrong
 */
export function dictionary(given: DictionaryInput): Dictionary {
  return readValue("dictionary", "the dictionary", dictionarySchema, given);
}

/** How many features a dictionary has, and how many numbers it reads at a place. */
export function dictionarySizes({ encoder }: Dictionary): { features: number; width: number } {
  const [features, width] = encoder.weight.shape as [number, number];
  return { features, width };
}

/**
 * How much of each feature an activation holds. Traced.
 *
 * @param x - [..., width], or [..., head, dHead] where these make up the width
 * @returns [..., feature]; with `topk`, features that tie for the last place all stay
 * @throws PatchClampError `SHAPE_MISMATCH` when the activation is of another width
 * @source Bricken et al. 2023, "Towards Monosemanticity"; Rajamanoharan et al. 2024, arXiv:2407.14435 (jumprelu); Gao et al. 2024,
 * arXiv:2406.04093 (topk)
 */
export function encodeDictionary(given: Dictionary, x: Tensor): Tensor {
  const { encoder, decoder, activation, isCentred, normalisation } = given;
  const { x: scaled } = normalised(placesOf("encodeDictionary", given, x), normalisation);
  const input = isCentred ? scaled.sub(leafOf(decoder.bias)) : scaled;
  const scores = input
    .matmul(leafOf(encoder.weight), { transposeB: true })
    .add(leafOf(encoder.bias));
  switch (activation.kind) {
    case "identity":
      return scores;
    case "relu":
      return scores.relu();
    case "jumprelu":
      return scores.greater(leafOf(activation.threshold)).where(scores.relu(), 0);
    case "topk": {
      const { k } = activation;
      const least = scores.topK({ k }).values.slice({ axis: -1, start: k - 1 });
      return scores.greaterEqual(least).where(scores.relu(), 0);
    }
  }
}

/**
 * The activation that features add up to. Traced.
 *
 * @param f - [..., feature]
 * @param of - the activation that was encoded, whose scale a dictionary that normalises brings back. Default: none
 * @returns [..., width], or the shape of `of`
 * @throws PatchClampError `BAD_OPTION` when the dictionary normalises and `of` is missing
 */
export function decodeDictionary(given: Dictionary, f: Tensor, of?: Tensor): Tensor {
  const { decoder, normalisation } = given;
  const where = "decodeDictionary";
  if (of === undefined && normalisation !== "none") {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `the dictionary reads activations at another scale (${normalisation}), and the one to come back to is missing.`,
      fix: "give the activation that was encoded as the third argument.",
    });
  }
  const sum = f.matmul(leafOf(decoder.weight)).add(leafOf(decoder.bias));
  if (of === undefined) return sum;
  const { scale, shift } = normalised(placesOf(where, given, of), normalisation);
  const stretched = scale === undefined ? sum : sum.mul(scale);
  return (shift === undefined ? stretched : stretched.add(shift)).reshape(of.shape);
}

/** The activation with the places of its tokens before one axis of the dictionary's width. */
function placesOf(where: string, given: Dictionary, x: Tensor): Tensor {
  const { width } = dictionarySizes(given);
  if (x.shape.at(-1) === width) return x;
  const [heads = 0, dHead = 0] = x.shape.slice(-2);
  if (x.rank > 2 && heads * dHead === width) return x.reshape([...x.shape.slice(0, -2), width]);
  throw new PatchClampError("SHAPE_MISMATCH", {
    where,
    problem: `the dictionary of "${given.site}" reads ${width} numbers a place, but the activation is [${x.shape.join(", ")}].`,
    facts: { site: given.site, shape: x.shape },
  });
}

/**
 * What one unit of a feature adds to an activation: its decoder row.
 *
 * @throws PatchClampError `UNKNOWN_NAME` when there is no such feature
 */
export function featureDirection(given: Dictionary, index: number): Direction {
  checkIndex("featureDirection", given, index);
  const { width } = dictionarySizes(given);
  return given.decoder.weight.data.slice(index * width, (index + 1) * width);
}

/** @throws PatchClampError `UNKNOWN_NAME` when there is no such feature */
export function checkIndex(where: string, given: Dictionary, index: number): void {
  const { features } = dictionarySizes(given);
  if (Number.isInteger(index) && index >= 0 && index < features) return;
  throw new PatchClampError("UNKNOWN_NAME", {
    where,
    problem: `the dictionary has ${plural(features, "feature")}, 0..${features - 1}, and no feature ${index}.`,
    facts: { index, features },
  });
}
