// Forms that SAELens has and dictionaries have not: each comes to weights of another form that compute the same.

import { PatchClampError } from "../../core/errors.ts";
import type { Dictionary, DictionaryInput } from "../../values/dictionary.ts";
import { normOf } from "../../values/directions.ts";
import type { Numbers } from "../../values/numbers.ts";
import type { SaeLensConfig } from "./saelens-config.ts";

/**
 * With scores s = w x and gains g = exp(r): a gated feature is relu(g s + bMag) where s + bGate > 0. As g > 0, that is where
 * g s + bMag > bMag - g bGate, which is a threshold.
 */
export function gatedEncoder(
  { shape, data }: Numbers,
  weights: ReadonlyMap<string, Numbers>,
): Pick<Dictionary, "encoder" | "activation"> {
  const [features, width] = shape as [number, number];
  const gain = weights.get("r_mag")!.data.map(Math.exp);
  const gate = weights.get("b_gate")!.data;
  const bias = weights.get("b_mag")!;
  const threshold = bias.data.map((b, i) => b - gain[i]! * gate[i]!);
  return {
    encoder: {
      weight: { shape, data: data.map((w, i) => w * gain[Math.floor(i / width)]!) },
      bias,
    },
    activation: { kind: "jumprelu", threshold: { shape: [features], data: threshold } },
  };
}

/** Features in units of what they write: f |d| of the direction d / |d|. */
export function withRowsOfLength1(given: DictionaryInput, config: SaeLensConfig): DictionaryInput {
  if (!config.isScaledByRows) return given;
  const { width } = config;
  const { encoder, decoder } = given as Dictionary;
  const { data } = decoder.weight;
  const norms = Float32Array.from({ length: config.features }, (_, i) =>
    normOf(data.subarray(i * width, (i + 1) * width)),
  );
  const normAt = (i: number): number => norms[Math.floor(i / width)]!;
  const { weight, bias } = encoder;
  return {
    ...given,
    encoder: {
      weight: { ...weight, data: weight.data.map((w, i) => w * normAt(i)) },
      bias: { ...bias, data: bias.data.map((b, i) => b * norms[i]!) },
    },
    decoder: {
      ...decoder,
      weight: {
        ...decoder.weight,
        data: data.map((d, i) => (normAt(i) === 0 ? d : d / normAt(i))),
      },
    },
  };
}

/**
 * An encoder that reads x as it would read x - mean(x): w (x - mean(x)) = (w - mean(w)) x. With a centre c that is taken off, its own
 * mean is to be kept: w (x - mean(x) - c) = (w - mean(w)) (x - c) - mean(w) sum(c).
 */
export function withoutMean(given: DictionaryInput, config: SaeLensConfig): DictionaryInput {
  if (!config.readsWithoutMean) return given;
  if (config.normalisation !== "none") {
    throw new PatchClampError("UNSUPPORTED", {
      where: "readSaeLens",
      problem: `the dictionary was trained on a residual stream without its mean, and normalises it (${config.normalisation}).`,
    });
  }
  const { encoder, decoder } = given as Dictionary;
  const { width, isCentred } = config;
  const { weight, bias } = encoder;
  const means = bias.data.map((_, i) => {
    const row = weight.data.subarray(i * width, (i + 1) * width);
    return row.reduce((sum, w) => sum + w, 0) / width;
  });
  const centre = isCentred ? decoder.bias.data.reduce((sum, c) => sum + c, 0) : 0;
  return {
    ...given,
    encoder: {
      weight: { ...weight, data: weight.data.map((w, i) => w - means[Math.floor(i / width)]!) },
      bias: { ...bias, data: bias.data.map((b, i) => b - means[i]! * centre) },
    },
  };
}

/** [rows, columns] as [columns, rows]. */
export function transposed({ shape, data }: Numbers): Numbers {
  const [rows, columns] = shape as [number, number];
  const turned = new Float32Array(data.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j]!;
  return { shape: [columns, rows], data: turned };
}
