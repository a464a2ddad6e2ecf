// What text encoders have on their last hidden states. Which parts a head has follows from its parameters.

import type { EncoderHead } from "../network/encoder-input.ts";
import type { Tap } from "../network/tap.ts";
import type { ActivationFunction, LinearParams, Norm, NormParams } from "../nn/layers.ts";
import { linear } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamEntry } from "./family.ts";
import { linearEntries } from "./family.ts";

/** Parameters of a head. Linear weights are [out, in]. */
export interface HeadParams {
  readonly transform?: { readonly dense: LinearParams; readonly ln: NormParams };
  /** The last layer; its weight is the token embedding where it has none of its own. */
  readonly out?: { readonly weight?: Tensor; readonly bias?: Tensor };
}

/** How a head works. */
export interface HeadForm {
  readonly activation: ActivationFunction;
  readonly norm: Norm;
  /** [dVocab, dModel] */
  readonly embed: Tensor;
}

/**
 * Names the scores that a head gives, if there is one. Sites: `head.pre`, `head.ln.normalized` and `logits`.
 *
 * @param x - what it reads: hidden states, [batch, pos, dModel], or one vector a text, [batch, dModel]
 */
export function encoderHead(
  x: Tensor,
  { transform, out }: HeadParams,
  { activation, norm, embed }: HeadForm,
  tap: Tap,
): void {
  if (out === undefined) return;
  const own = tap.in("head");
  const read =
    transform === undefined
      ? x
      : norm(activation(own("pre", linear(x, transform.dense))), transform.ln, own.in("ln"));
  tap("logits", linear(read, { weight: out.weight ?? embed, bias: out.bias }));
}

/** Where the last layer of a head lies that tells classes. */
export function classEntries(
  head: EncoderHead,
  name: string,
  { dModel, labels }: { readonly dModel: number; readonly labels: readonly string[] },
): ParamEntry[] {
  if (head !== "classes" && head !== "tags") return [];
  return linearEntries("out", name, [dModel, labels.length], true);
}

/** Where the last layer of a head lies that predicts tokens; its bias has a name of its own. */
export function vocabularyEntries(
  { weight, bias }: { readonly weight: string | undefined; readonly bias: string | undefined },
  { dModel, dVocab }: { readonly dModel: number; readonly dVocab: number },
): ParamEntry[] {
  return [
    ...(weight === undefined
      ? []
      : [{ path: "out.weight", name: weight, shape: [dVocab, dModel] }]),
    ...(bias === undefined ? [] : [{ path: "out.bias", name: bias, shape: [dVocab] }]),
  ];
}
