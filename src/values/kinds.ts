// What each kind of intervention does to a tensor. Everything here is traced: the numbers of an intervention are inputs of the
// graph, so that a graph serves every vector, strength and mask of one form.
//
// `gate` says how much of the change a place gets: 0 leaves it exactly as it is, 1 changes it fully.

import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import { NEVER } from "../nn/masks.ts";
import { ALWAYS } from "../nn/moe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { normOf, orthonormal } from "./directions.ts";
import { featureForm, featureParts, withFeature } from "./feature-row.ts";
import type { Intervention, InterventionKind } from "./intervention.ts";
import type { Numbers } from "./numbers.ts";

/** The numbers of one intervention as tensors, by name. */
export type Parts = Readonly<Record<string, Tensor>>;

/** How a kind of intervention becomes a graph. */
export interface Kind<I extends Intervention> {
  /** The numbers that it takes, at a site of this width. */
  readonly parts: (intervention: I, width: number) => Readonly<Record<string, Numbers>>;
  /** What the gate is multiplied by. Default 1. */
  readonly amount?: (intervention: I) => number;
  /** What decides the form of the graph beside shapes. Default: nothing. */
  readonly form?: (intervention: I) => string;
  /** Names of the parts that must fill the last axis of the site, not be repeated along it. Default: none. */
  readonly whole?: readonly string[];
  /** Names of the parts that are not laid against the site. Default: none. */
  readonly free?: readonly string[];
  /** The new value. `intervention` is any one of this form. */
  readonly apply: (x: Tensor, parts: Parts, gate: Tensor, intervention: I) => Tensor;
}

const KINDS: { readonly [K in InterventionKind]: Kind<Extract<Intervention, { kind: K }>> } = {
  add: {
    parts: ({ vector }) => ({ vector }),
    amount: ({ scale }) => scale,
    apply: (x, { vector }, gate) => x.add(vector!.mul(gate)),
  },
  "project-out": {
    parts: ({ basis }) => ({ basis: orthonormalRows(basis) }),
    whole: ["basis"],
    // x - Qᵀ Q x, the rows of Q being orthonormal
    apply: (x, { basis }, gate) =>
      x.sub(x.matmul(basis!, { transposeB: true }).mul(gate).matmul(basis!)),
  },
  clamp: {
    parts: ({ direction, min = -LIMIT, max = LIMIT }) => ({
      unit: unitOf(direction),
      min: single(min),
      max: single(max),
    }),
    whole: ["unit"],
    apply: (x, { unit, min, max }, gate) => {
      const component = x.mul(unit!).sum({ axis: -1, keepDims: true });
      const change = component.maximum(min!).minimum(max!).sub(component);
      return x.add(unit!.mul(change.mul(gate)));
    },
  },
  scale: {
    parts: ({ gain }) => ({
      change: minusOne(typeof gain === "number" ? single(gain) : gain),
    }),
    apply: scaled,
  },
  affine: {
    parts: ({ weight, bias }) => ({ weight, bias: bias ?? zeros(weight.shape[0]!) }),
    whole: ["weight", "bias"],
    apply: (x, { weight, bias }, gate) =>
      blend(x, x.matmul(weight!, { transposeB: true }).add(bias!), gate),
  },
  replace: {
    parts: ({ value }) => ({ value }),
    apply: (x, { value }, gate) => blend(x, value!, gate),
  },
  ablate: {
    parts: ({ mean = single(0) }) => ({ mean }),
    apply: (x, { mean }, gate) => blend(x, mean!, gate),
  },
  mask: {
    parts: ({ keep }) => ({ change: minusOne(keep) }),
    apply: scaled,
  },
  experts: {
    parts: ({ on = [], off = [] }, width) => ({ marks: expertMarks(on, off, width) }),
    form: ({ topK }) => `${topK ?? "all"}`,
    whole: ["marks"],
    apply: (x, { marks }, gate, { topK }) => {
      const switched = x.add(marks!);
      const chosen = topK === undefined ? switched : onlyBest(switched, topK);
      return gate.greater(0).where(chosen, x);
    },
  },
  feature: {
    parts: featureParts,
    form: featureForm,
    whole: ["encoder"],
    free: ["bias"],
    apply: withFeature,
  },
};

/** How the kind of an intervention becomes a graph. */
export function kindOf(intervention: Intervention): Kind<Intervention> {
  return KINDS[intervention.kind] as unknown as Kind<Intervention>;
}

/** Beyond every activation, and finite in float32. */
const LIMIT = 1e30;

/** x where the gate is 0, y where it is 1, both exactly. */
function blend(x: Tensor, y: Tensor, gate: Tensor): Tensor {
  return x.mul(gate.neg().add(1)).add(y.mul(gate));
}

/** x * (1 + gate * change) */
function scaled(x: Tensor, { change }: Parts, gate: Tensor): Tensor {
  return x.mul(change!.mul(gate).add(1));
}

/** The best `k` scores of each place; the others never win. */
function onlyBest(logits: Tensor, k: number): Tensor {
  const width = logits.shape.at(-1)!;
  if (k >= width) return logits;
  const least = logits.topK({ k }).values.slice({ axis: -1, start: k - 1 });
  return logits.greaterEqual(least).where(logits, NEVER);
}

function expertMarks(on: readonly number[], off: readonly number[], width: number): Numbers {
  const odd = [...on, ...off].find((expert) => expert >= width);
  if (odd !== undefined) {
    throw new PatchClampError("BAD_INPUT", {
      where: "interventions",
      problem: `there ${width === 1 ? "is" : "are"} ${plural(width, "expert")}, 0..${width - 1}, and no expert ${odd}.`,
      facts: { expert: odd, experts: width },
    });
  }
  const data = new Float32Array(width);
  for (const expert of on) data[expert] = ALWAYS;
  for (const expert of off) data[expert] = NEVER;
  return { shape: [width], data };
}

function orthonormalRows({ shape, data }: Numbers): Numbers {
  const width = shape.at(-1)!;
  const rows = Array.from({ length: data.length / width }, (_, i) =>
    data.subarray(i * width, (i + 1) * width),
  );
  const basis = orthonormal(rows);
  return {
    shape: [rows.length, width],
    data: Float32Array.from(
      { length: data.length },
      (_, i) => basis[Math.floor(i / width)]![i % width]!,
    ),
  };
}

function unitOf({ shape, data }: Numbers): Numbers {
  const norm = normOf(data);
  return { shape, data: data.map((x) => x / norm) };
}

function minusOne({ shape, data }: Numbers): Numbers {
  return { shape, data: data.map((x) => x - 1) };
}

function single(value: number): Numbers {
  return { shape: [1], data: Float32Array.of(value) };
}

function zeros(width: number): Numbers {
  return { shape: [width], data: new Float32Array(width) };
}
