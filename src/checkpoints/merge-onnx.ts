// An adapter merged into an ONNX file: which of its constants are the weights that the adapter names.

import { PatchClampError } from "../core/errors.ts";
import { nearest } from "../core/text.ts";
import type { GraphValue, Surgery } from "../onnx/surgery/index.ts";
import type { Adapter } from "../values/index.ts";
import { adapterScaling } from "../values/index.ts";

/** A model with an adapter in it. */
export interface MergedModel {
  readonly model: Surgery;
  /** The constants that were changed, by the adapter's names for them. */
  readonly weights: Readonly<Record<string, string>>;
}

/**
 * Merges a LoRA adapter into the weights of an ONNX model: W + strength * alpha / rank * B A.
 *
 * A weight is the constant that has the adapter's name for it, or its end; where exporters gave constants names of their own, the one that
 * a node of that module reads, such as `/model/layers.0/self_attn/q_proj/MatMul`.
 *
 * @param options.strength - 0 leaves the weights as they are. Default 1
 * @throws PatchClampError `UNKNOWN_NAME` when the model has no such weight, `BAD_INPUT` when several could be meant, and what
 * `Surgery.mergeLowRank` throws
 */
export function mergeOnnx(
  model: Surgery,
  adapter: Adapter,
  options: { strength?: number } = {},
): MergedModel {
  const { strength = 1 } = options;
  const matrices = model
    .values()
    .filter(({ role, shape }) => role === "initializer" && shape?.length === 2);
  let merged = model;
  const weights: Record<string, string> = {};
  for (const [target, { a, b }] of Object.entries(adapter.targets)) {
    const name = weightOf(target, matrices);
    merged = merged.mergeLowRank(name, { a, b, scale: strength * adapterScaling(adapter, target) });
    weights[target] = name;
  }
  return { model: merged, weights };
}

function weightOf(target: string, matrices: readonly GraphValue[]): string {
  const named = matrices.filter(({ name }) => isSameEnd(name, target));
  const module = target.replace(/\.weight$/, "");
  const read = matrices.filter(({ consumers }) =>
    // the name of a node is that of its module, and of what it does there
    consumers.some(({ name }) =>
      isSameEnd(name.replaceAll("/", ".").replace(/\.[^.]*$/, ""), module),
    ),
  );
  const found = (named.length > 0 ? named : read).map(({ name }) => name);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    throw new PatchClampError("BAD_INPUT", {
      where: "mergeOnnx",
      problem: `the adapter changes "${target}", which could be ${found.map((name) => `"${name}"`).join(" or ")}.`,
      fix: "name the constant of the model in the adapter.",
      facts: { target, found },
    });
  }
  const names = matrices.flatMap(({ name, consumers }) => [
    name,
    ...consumers.map((one) => one.name),
  ]);
  const near = nearest(target, new Set(names));
  throw new PatchClampError("UNKNOWN_NAME", {
    where: "mergeOnnx",
    problem: `the adapter changes "${target}", which is no constant of the model and no module that reads one${near.length === 0 ? "" : `; nearest: ${near.join(", ")}`}.`,
    fix: "use an adapter that was trained for this network, or name the model's own constants in it.",
    facts: { target },
  });
}

/** Whether two dotted names are the same from the first part of the shorter one on: exports put modules before names, or leave some out. */
function isSameEnd(a: string, b: string): boolean {
  return `.${a}`.endsWith(`.${b}`) || `.${b}`.endsWith(`.${a}`);
}
