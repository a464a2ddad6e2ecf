// Probes read a number off an activation: linear ones, and small networks of a few layers.

import { z } from "zod";

import type { Tensor } from "../tensor/tensor.ts";
import type { Numbers } from "./numbers.ts";
import { leafOf, numbers } from "./numbers.ts";
import { readValue } from "./schema.ts";

const layerSchema = z.strictObject({
  /** [out, in] */
  weight: numbers({ rank: [2, 2] }),
  /** [out] */
  bias: numbers({ rank: [1, 1] }),
});

const read = {
  /** Where it reads, such as `blocks.3.resid_post`: a site of shape [batch, pos, width]. */
  site: z.string().min(1),
  /** The score from which on what it looks for counts as found, in the unit of the score. Default 0. */
  threshold: z.number().default(0),
  note: z.string().optional(),
};

const linearSchema = z.strictObject({
  kind: z.literal("linear"),
  ...read,
  /** [width] */
  direction: numbers({ rank: [1, 1], hasDirection: true }),
  /** Default 0. */
  bias: z.number().default(0),
});

const mlpSchema = z
  .strictObject({
    kind: z.literal("mlp"),
    ...read,
    /** From the site's width to one number, with a ReLU between two layers. */
    layers: z.array(layerSchema).min(1).max(4),
  })
  .superRefine(({ layers }, context) => {
    for (const [i, { weight, bias }] of layers.entries()) {
      const [out, width] = weight.shape as [number, number];
      const before = layers[i - 1]?.weight.shape[0] ?? width;
      const problem =
        bias.shape[0] !== out
          ? `has a bias of ${bias.shape[0]} numbers for ${out} outputs`
          : width !== before
            ? `takes ${width} numbers, but the layer before it gives ${before}`
            : i === layers.length - 1 && out !== 1
              ? `is the last and gives ${out} numbers, not one`
              : undefined;
      if (problem !== undefined) {
        context.addIssue({ code: "custom", message: problem, path: ["layers", i] });
      }
    }
  });

/** The schema of a probe. */
export const probeSchema = z.discriminatedUnion("kind", [linearSchema, mlpSchema]);

/** A read-out with a threshold. */
export type Probe = z.output<typeof probeSchema>;

/** A probe as it is written by hand. */
export type ProbeInput = z.input<typeof probeSchema>;

/**
 * Reads a probe and fills in its defaults.
 *
 * @throws PatchClampError `BAD_INPUT` naming the first field that is wrong
 */
export function probe(given: ProbeInput): Probe {
  return readValue("probe", "the probe", probeSchema, given);
}

/** How many numbers a probe reads at a place. */
export function probeWidth(probe: Probe): number {
  return probe.kind === "linear" ? probe.direction.shape[0]! : probe.layers[0]!.weight.shape[1]!;
}

/** What a probe is made of, by name. Its thresholds are not among them. */
export function probeParts(probe: Probe): Record<string, Numbers> {
  if (probe.kind === "linear") {
    const bias = { shape: [1], data: Float32Array.of(probe.bias) };
    // as a layer with one output, so that both kinds are read the same way
    const weight = { shape: [1, probe.direction.data.length], data: probe.direction.data };
    return { "layer0.weight": weight, "layer0.bias": bias };
  }
  return Object.fromEntries(
    probe.layers.flatMap(({ weight, bias }, i) => [
      [`layer${i}.weight`, weight],
      [`layer${i}.bias`, bias],
    ]),
  );
}

/**
 * What a probe reads. Traced.
 *
 * @param x - [batch, pos, width]
 * @returns [batch, pos], in the unit of the probe's threshold
 */
export function probeScore(probe: Probe, x: Tensor): Tensor {
  const parts = probeParts(probe);
  const leaves = Object.entries(parts).map(([name, part]) => [name, leafOf(part)] as const);
  return scoreWith(Object.fromEntries(leaves), x);
}

/**
 * What a probe made of these tensors reads. Traced.
 *
 * @param parts - as `probeParts` names them: weights [out, in] or [batch, out, in], biases [out] or [batch, 1, out]
 * @param x - [batch, pos, width]
 * @returns [batch, pos]
 */
export function scoreWith(parts: Readonly<Record<string, Tensor>>, x: Tensor): Tensor {
  let y = x;
  for (let i = 0; parts[`layer${i}.weight`] !== undefined; i++) {
    if (i > 0) y = y.relu();
    y = y.matmul(parts[`layer${i}.weight`]!, { transposeB: true }).add(parts[`layer${i}.bias`]!);
  }
  return y.squeeze(-1);
}
