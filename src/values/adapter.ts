// Adapters: small changes to weights (LoRA), kept apart from the weights they change.

import { z } from "zod";

import { PatchClampError } from "../core/errors.ts";
import { nearest } from "../core/text.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { numbers } from "./numbers.ts";
import type { Numbers } from "./numbers.ts";
import { leafOf } from "./numbers.ts";
import { readValue } from "./schema.ts";

const targetSchema = z
  .strictObject({
    /** [rank, in] */
    a: numbers({ rank: [2, 2] }),
    /** [out, rank] */
    b: numbers({ rank: [2, 2] }),
    /** In place of the adapter's own. */
    alpha: z.number().optional(),
  })
  .superRefine(({ a, b }, context) => {
    if (a.shape[0] === b.shape[1]) return;
    const message = `has A of [${a.shape.join(", ")}] and B of [${b.shape.join(", ")}], whose ranks differ`;
    context.addIssue({ code: "custom", message });
  });

/** The schema of an adapter. */
export const adapterSchema = z.strictObject({
  /** How much of the product is added, before it is divided. */
  alpha: z.number(),
  /** Whether the product is divided by the root of the rank, not by the rank (rank-stabilised). Default false. */
  isRankStabilised: z.boolean().default(false),
  /** Whether the weights are stored as [in, out]. Default false. */
  isTransposed: z.boolean().default(false),
  /** What is changed, by the name of the tensor in the checkpoint, such as `model.layers.0.self_attn.q_proj.weight`. */
  targets: z.record(z.string(), targetSchema).refine((targets) => Object.keys(targets).length > 0, {
    error: "is empty",
  }),
  /** The network it was trained for, as its makers call it. */
  base: z.string().optional(),
  note: z.string().optional(),
});

/** Low-rank changes to weights: W + alpha / rank * B A for each target. */
export type Adapter = z.output<typeof adapterSchema>;

/** An adapter as it is written by hand. */
export type AdapterInput = z.input<typeof adapterSchema>;

/**
 * Reads an adapter and fills in its defaults.
 *
 * @throws PatchClampError `BAD_INPUT` naming the first field that is wrong
 */
export function adapter(given: AdapterInput): Adapter {
  return readValue("adapter", "the adapter", adapterSchema, given);
}

/** What the product B A of a target is multiplied by. */
export function adapterScaling(
  { alpha, isRankStabilised, targets }: Adapter,
  target: string,
): number {
  const { a, alpha: own = alpha } = targets[target]!;
  const rank = a.shape[0]!;
  return own / (isRankStabilised ? Math.sqrt(rank) : rank);
}

/**
 * Weights with an adapter merged into them: W + strength * alpha / rank * B A. Traced: nothing is computed until it is read.
 *
 * @param weights - by the names of the adapter's targets, each [out, in], or [in, out] where the adapter says `isTransposed`
 * @param strength - 0 gives the weights as they are. Default 1
 * @returns all weights by name; those that the adapter does not name are returned as they are
 * @throws PatchClampError `UNKNOWN_NAME` when the adapter names a weight that is not there, `SHAPE_MISMATCH` when one does not fit
 * @source Hu et al. 2021, arXiv:2106.09685, section 4.1; Kalajdzievski 2023, arXiv:2312.03732 (rank-stabilised)
 */
export function mergeAdapter(
  weights: Readonly<Record<string, Tensor>>,
  given: Adapter,
  strength = 1,
): Record<string, Tensor> {
  const merged = { ...weights };
  for (const [name, { a, b }] of Object.entries(given.targets)) {
    const weight = weights[name];
    if (weight === undefined) throw unknownTarget(name, Object.keys(weights));
    checkTarget(name, weight.shape, { a, b }, given.isTransposed);
    const factor = leafOf({
      shape: [1],
      data: Float32Array.of(strength * adapterScaling(given, name)),
    });
    const product = leafOf(b).matmul(leafOf(a)).mul(factor);
    merged[name] = weight.add(given.isTransposed ? product.transpose([1, 0]) : product);
  }
  return merged;
}

function checkTarget(
  name: string,
  shape: readonly number[],
  { a, b }: { readonly a: Numbers; readonly b: Numbers },
  isTransposed: boolean,
): void {
  const own = [b.shape[0]!, a.shape[1]!];
  const wanted = isTransposed ? own.toReversed() : own;
  if (shape.length === 2 && wanted.every((size, i) => size === shape[i])) return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where: "mergeAdapter",
    problem: `the adapter changes "${name}" as [${wanted.join(", ")}], but it is [${shape.join(", ")}].`,
    fix: "use an adapter that was trained for this network.",
    facts: { target: name },
  });
}

function unknownTarget(name: string, names: readonly string[]): PatchClampError {
  const near = nearest(name, names);
  return new PatchClampError("UNKNOWN_NAME", {
    where: "mergeAdapter",
    problem: `the adapter changes "${name}", which the network does not have${near.length === 0 ? "" : `; nearest: ${near.join(", ")}`}.`,
    fix: "use an adapter that was trained for this network.",
    facts: { target: name },
  });
}
