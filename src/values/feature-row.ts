// One feature of a dictionary: what reads it from an activation and what it writes, which is all that an intervention needs of the
// dictionary. So a file of interventions holds a few rows, not a dictionary of gigabytes.

import { z } from "zod";

import { plural } from "../core/text.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { normalisationSchema, normalised } from "./normalisation.ts";
import type { Numbers } from "./numbers.ts";
import { numbers } from "./numbers.ts";

const activationSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("relu") }),
  z.strictObject({ kind: z.literal("jumprelu"), threshold: z.number() }),
  z.strictObject({
    kind: z.literal("topk"),
    k: z.int().min(1),
    /** The encoder's rows of all other features, which this one must beat but for k - 1: [feature, width]. */
    weight: numbers({ rank: [2, 2] }),
    /** [feature] */
    bias: numbers({ rank: [1, 1] }),
  }),
  z.strictObject({ kind: z.literal("identity") }),
]);

/** The schema of a feature's row. */
export const featureRowSchema = z
  .strictObject({
    /** What reads the feature, [width]. */
    encoder: numbers({ rank: [1, 1] }),
    /** Added to what was read; what the dictionary takes from activations before it reads them is in it. */
    bias: z.number(),
    /** What one unit of the feature adds, [width]. */
    decoder: numbers({ rank: [1, 1], hasDirection: true }),
    activation: activationSchema,
    normalisation: normalisationSchema,
  })
  .superRefine(({ encoder, decoder, activation }, context) => {
    const width = encoder.data.length;
    const rivals = activation.kind === "topk" ? activation : undefined;
    const problem =
      width < 2
        ? "reads one number, which is no activation"
        : decoder.data.length !== width
          ? `reads ${width} numbers, but writes ${decoder.data.length}`
          : rivals !== undefined && rivals.weight.shape[1] !== width
            ? `reads ${width} numbers, but other features read ${rivals.weight.shape[1]}`
            : rivals !== undefined && rivals.weight.shape[0] !== rivals.bias.shape[0]
              ? `has ${rivals.weight.shape[0]} other features, but ${rivals.bias.shape[0]} biases of them`
              : rivals !== undefined && rivals.k > rivals.bias.data.length
                ? `keeps the best ${rivals.k}, and there ${rivals.bias.data.length === 1 ? "is" : "are"} ${plural(rivals.bias.data.length, "other feature")}`
                : undefined;
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });

/** What of a dictionary belongs to one feature. */
export type FeatureRow = z.output<typeof featureRowSchema>;

/** What is done to a feature: set to the value, multiplied by it, or it is added. */
export type FeatureMode = "set" | "scale" | "add";

/** What the graph of a feature takes. */
export interface FeatureGiven {
  readonly row: FeatureRow;
  readonly value: number;
  readonly mode: FeatureMode;
}

/**
 * The numbers of a feature, at a site of this width. Where the site has less, the dictionary reads all heads of a token behind one
 * another, as at `blocks.{i}.attn.z`, and the rows are split into heads.
 */
export function featureParts({ row, value }: FeatureGiven, width: number): Record<string, Numbers> {
  const { encoder, bias, decoder, activation } = row;
  const size = encoder.data.length;
  const own = size > width && size % width === 0 ? [size / width, width] : [size];
  const rivals = activation.kind === "topk" ? activation : undefined;
  const count = 1 + (rivals?.bias.data.length ?? 0);
  return {
    // its own row first
    encoder: {
      shape: [count, ...own],
      data: joined(encoder.data, rivals?.weight.data),
    },
    bias: { shape: [count], data: joined(Float32Array.of(bias), rivals?.bias.data) },
    decoder: { shape: own, data: decoder.data },
    value: { shape: [1], data: Float32Array.of(value) },
    ...(activation.kind === "relu" || activation.kind === "jumprelu"
      ? { threshold: { shape: [1], data: Float32Array.of(thresholdOf(activation)) } }
      : {}),
  };
}

function thresholdOf(
  activation: { kind: "relu" } | { kind: "jumprelu"; threshold: number },
): number {
  return activation.kind === "relu" ? 0 : activation.threshold;
}

/** What of a feature decides the form of its graph beside shapes. */
export function featureForm({ row: { activation, normalisation }, mode }: FeatureGiven): string {
  const k = activation.kind === "topk" ? [activation.k] : [];
  // a ReLU is a jump at 0
  const kind = activation.kind === "relu" ? "jumprelu" : activation.kind;
  return [mode, normalisation, kind, ...k].join(" ");
}

/**
 * The activation with its feature changed: what the dictionary reads of it, less what it should read, times the feature's decoder row
 * is taken off, and all else - other features, and what the dictionary does not explain - stays. Traced.
 *
 * @param x - [batch, pos, width], or [batch, pos, head, dHead] where the dictionary reads all heads
 * @param parts - as `featureParts` names them; those of several rows stacked
 * @param gate - [batch, pos, 1] or with one more axis of size 1
 */
export function withFeature(
  x: Tensor,
  parts: Readonly<Record<string, Tensor>>,
  gate: Tensor,
  { row: { encoder, activation, normalisation }, mode }: FeatureGiven,
): Tensor {
  const width = encoder.data.length;
  const isSplit = x.shape.at(-1) !== width;
  const { value, bias, threshold } = isSplit ? withoutHeads(parts) : parts;
  const rows = parts["encoder"]!;
  const matrix = isSplit ? rows.reshape([...rows.shape.slice(0, -2), width]) : rows;
  const flat = isSplit ? x.reshape([x.shape[0]!, x.shape[1]!, width]) : x;
  const { x: input, scale } = normalised(flat, normalisation);
  const scores = input.matmul(matrix, { transposeB: true }).add(bias!);
  const own = scores.slice({ axis: -1, start: 0, end: 1 });
  const reading = activated(own, scores, activation, threshold);
  const change =
    mode === "add" ? value! : mode === "set" ? value!.sub(reading) : reading.mul(value!.sub(1));
  const step = scale === undefined ? change : change.mul(scale);
  const amount = (isSplit && step.rank === 3 ? step.unsqueeze(-1) : step).mul(gate);
  return x.add(amount.mul(parts["decoder"]!));
}

/** Stacked parts of a site with heads, without the axis of the heads. */
function withoutHeads(parts: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(parts).map(([name, part]) => [
      name,
      part.rank === 4 ? part.reshape([part.shape[0]!, -1, part.shape[3]!]) : part,
    ]),
  );
}

/** What the feature reads, of its own score and those of all. */
function activated(
  own: Tensor,
  scores: Tensor,
  activation: FeatureRow["activation"],
  threshold: Tensor | undefined,
): Tensor {
  switch (activation.kind) {
    case "identity":
      return own;
    case "topk": {
      const { k } = activation;
      const least = scores.topK({ k }).values.slice({ axis: -1, start: k - 1 });
      return own.greaterEqual(least).where(own.relu(), 0);
    }
    case "relu":
    case "jumprelu":
      return own.greater(threshold!).where(own.relu(), 0);
  }
}

function joined(first: Float32Array, rest: Float32Array | undefined): Float32Array {
  if (rest === undefined) return first;
  const all = new Float32Array(first.length + rest.length);
  all.set(first);
  all.set(rest, first.length);
  return all;
}
