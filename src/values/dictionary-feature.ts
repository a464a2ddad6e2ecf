// From a feature of a dictionary to an intervention that stands alone.

import type { Dictionary } from "./dictionary.ts";
import { checkIndex, dictionarySizes, featureDirection } from "./dictionary.ts";
import type { FeatureMode, FeatureRow } from "./feature-row.ts";
import type { Intervention, InterventionInput } from "./intervention.ts";
import { intervention } from "./intervention.ts";

/** Options of `featureIntervention`. */
export interface FeatureOptions extends Pick<InterventionInput, "at" | "when" | "note"> {
  /** Which feature, counted from 0. */
  readonly index: number;
  /** What it is set to, multiplied by, or what is added, in units of the feature. */
  readonly value: number;
  /** Default set. */
  readonly mode?: FeatureMode;
}

/**
 * An intervention that changes one feature of a dictionary at its site.
 *
 * It takes the feature's rows along, so that it works without the dictionary; with `topk`, where a feature is read only if it beats
 * the others, it takes the whole encoder along.
 *
 * @throws PatchClampError `UNKNOWN_NAME` when there is no such feature
 */
export function featureIntervention(given: Dictionary, options: FeatureOptions): Intervention {
  const { index, value, mode = "set", at, when, note } = options;
  checkIndex("featureIntervention", given, index);
  return intervention({
    kind: "feature",
    site: given.site,
    ...(given.name === undefined ? {} : { dictionary: given.name }),
    index,
    value,
    mode,
    row: rowOf(given, index),
    ...(at === undefined ? {} : { at }),
    ...(when === undefined ? {} : { when }),
    ...(note === undefined ? {} : { note }),
  });
}

/** All that a feature needs of its dictionary. */
function rowOf(given: Dictionary, index: number): FeatureRow {
  const { encoder, activation, normalisation } = given;
  const { features, width } = dictionarySizes(given);
  const row = (i: number): Float32Array => encoder.weight.data.slice(i * width, (i + 1) * width);
  const others = Array.from({ length: features }, (_, i) => i).filter((i) => i !== index);
  const own = (): FeatureRow["activation"] => {
    if (activation.kind === "jumprelu") {
      return { kind: "jumprelu", threshold: activation.threshold.data[index]! };
    }
    // where all are kept, nothing is to be beaten
    if (activation.kind !== "topk") return activation;
    if (activation.k === features) return { kind: "relu" };
    const weight = new Float32Array(others.length * width);
    for (const [at, i] of others.entries()) weight.set(row(i), at * width);
    return {
      kind: "topk",
      k: activation.k,
      weight: { shape: [others.length, width], data: weight },
      bias: {
        shape: [others.length],
        data: Float32Array.from(others, (i) => biasOf(given, row(i), i)),
      },
    };
  };
  return {
    encoder: { shape: [width], data: row(index) },
    bias: biasOf(given, row(index), index),
    decoder: { shape: [width], data: featureDirection(given, index) },
    activation: own(),
    normalisation,
  };
}

/** A feature's bias with what is taken off activations before they are read: w (x - c) + b = w x + (b - w c). */
function biasOf(
  { encoder, decoder, isCentred }: Dictionary,
  row: Float32Array,
  index: number,
): number {
  const bias = encoder.bias.data[index]!;
  return isCentred ? row.reduce((sum, w, i) => sum - w * decoder.bias.data[i]!, bias) : bias;
}
