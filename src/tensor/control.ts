// Control over differentiation: what is differentiated how, what is recomputed, and what is kept for the backward pass.

import { PatchClampError } from "../core/errors.ts";
import { registerSavedForm } from "./gradients.ts";
import { isLeaf } from "./leaf.ts";
import type { GradContext } from "./op.ts";
import { defineOp } from "./op.ts";
import type { Node } from "./tensor.ts";
import { apply, nodeClock, reapply, Tensor } from "./tensor.ts";

declare module "./tensor.ts" {
  interface Tensor {
    /** The same values; gradients stop here. */
    stopGradient(): Tensor;
  }
}

const stopGradientOp = defineOp({
  name: "stopGradient",
  isView: true,
  infer: ([x]) => [x!],
  grad: () => [null],
  lower: (_, [x]) => [x!],
  samples: [{ inputs: [{ shape: [2], dtype: "float32" }], attrs: {} }],
});

/** The same values; gradients stop here. */
export function stopGradient(x: Tensor): Tensor {
  return apply(stopGradientOp, [x], {});
}

Tensor.prototype.stopGradient = function method(this: Tensor): Tensor {
  return stopGradient(this);
};

const identityOp = defineOp({
  name: "identity",
  isView: true,
  infer: ([x]) => [x!],
  grad: ({ cotangents: [g] }) => [g!],
  lower: (_, [x]) => [x!],
  samples: [{ inputs: [{ shape: [2], dtype: "float32" }], attrs: {} }],
});

/** The same values as a node of its own: gradients taken at it are those of what is computed from it alone. */
export function identity(x: Tensor): Tensor {
  return apply(identityOp, [x], {});
}

/** A gradient rule for `customGradient`: one gradient an input, `null` for none. */
export type CustomRule = (context: {
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  /** Gradient with respect to the output, of its shape. */
  readonly cotangent: Tensor;
  readonly pullback: GradContext<object>["pullback"];
}) => readonly (Tensor | null)[];

interface CustomAttrs {
  readonly rule: CustomRule;
}

// Inputs: the value, then what it is differentiated by. The value's own trace gets no gradient. Functions do not show
// in a printed graph, which is right: the rule does not change what the graph computes.
const customOp = defineOp<CustomAttrs>({
  name: "custom",
  isView: true,
  infer: ([y]) => [y!],
  grad: ({
    inputs: [, ...inputs],
    outputs: [output],
    cotangents: [g],
    attrs: { rule },
    pullback,
  }) => [null, ...rule({ inputs, output: output!, cotangent: g!, pullback })],
  lower: (_, [y]) => [y!],
  samples: [{ inputs: [{ shape: [2], dtype: "float32" }], attrs: { rule: () => [] } }],
});

/**
 * Gives a function a gradient of your own.
 *
 * @param fn - a traced function of tensors; it must not close over tensors that gradients should reach
 * @param rule - returns one gradient an argument, of its shape, or `null`
 * @returns a function with the values of `fn` and the gradients of `rule`
 */
export function customGradient<A extends readonly Tensor[]>(
  fn: (...xs: A) => Tensor,
  rule: CustomRule,
): (...xs: A) => Tensor {
  return (...xs) => apply(customOp, [fn(...xs), ...xs], { rule });
}

/**
 * Gives a function the gradient of the identity (Bengio, Léonard & Courville 2013, arXiv:1308.3432).
 *
 * @param fn - a traced function that keeps the shape, such as rounding
 */
export function straightThrough(fn: (x: Tensor) => Tensor): (x: Tensor) => Tensor {
  return customGradient(fn, ({ cotangent }) => [cotangent]);
}

// x, delayed until `after` is known, so that a recomputation neither runs early nor is merged with its original.
const barrierOp = defineOp({
  name: "barrier",
  infer: ([x]) => [x!],
  grad: ({ cotangents: [g] }) => [g!, null],
  lower: ({ emit, inputs, constant }, [x, after]) => {
    const one = emit("Reshape", [after!, constant([-1], "int64")]);
    const first = emit("Slice", [
      one,
      constant([0], "int64"),
      constant([1], "int64"),
      constant([0], "int64"),
    ]);
    const zero = emit("Mul", [first, constant([0], "float32")]);
    return [
      inputs[0]!.dtype === "float32"
        ? emit("Add", [x!, zero])
        : emit("Add", [x!, emit("CastLike", [zero, x!])]),
    ];
  },
  samples: [
    {
      inputs: [
        { shape: [2], dtype: "float32" },
        { shape: [3], dtype: "float32" },
      ],
      attrs: {},
    },
  ],
});

/**
 * Recomputes a function in the backward pass instead of keeping its interior.
 *
 * Everything the function reads counts as its input, also what it closes over, so gradients reach it.
 *
 * @returns a function with the same values and gradients; only its inputs are kept for the backward pass
 * @source Chen, Xu, Zhang & Guestrin 2016, arXiv:1604.06174
 */
export function checkpoint<A extends readonly Tensor[]>(
  fn: (...xs: A) => Tensor,
): (...xs: A) => Tensor {
  return (...xs) => {
    const start = nodeClock();
    const y = fn(...xs);
    const { region, frontier } = madeSince(start, y);
    return apply(customOp, [y, ...frontier], { rule: recomputed(region, frontier, y) });
  };
}

function recomputed(region: readonly Node[], frontier: readonly Tensor[], y: Tensor): CustomRule {
  return ({ inputs, cotangent, pullback }) => {
    const allLeaves = inputs.every(isLeaf);
    const fresh = inputs.map((x) =>
      x.dtype === "float32" && (allLeaves || !isLeaf(x)) ? apply(barrierOp, [x, cotangent], {}) : x,
    );
    const again = new Map<Tensor, Tensor>(frontier.map((x, i) => [x, fresh[i]!]));
    for (const node of region) {
      const outputs = reapply(
        node,
        node.inputs.map((x) => again.get(x)!),
      );
      for (const [i, output] of node.outputs.entries()) again.set(output, outputs[i]!);
    }
    return pullback([again.get(y)!], fresh, [cotangent]);
  };
}

/** The nodes below `y` made since `start`, in order, and what they read from before. */
function madeSince(start: number, y: Tensor): { region: Node[]; frontier: Tensor[] } {
  const region = new Map<number, Node>();
  const frontier = new Set<Tensor>();
  const stack = [y];
  while (stack.length > 0) {
    const tensor = stack.pop()!;
    if (tensor.node.id < start || isLeaf(tensor)) frontier.add(tensor);
    else if (!region.has(tensor.node.id)) {
      region.set(tensor.node.id, tensor.node);
      stack.push(...tensor.node.inputs);
    }
  }
  return { region: [...region.values()].toSorted((a, b) => a.id - b.id), frontier: [...frontier] };
}

/** A compressed form in which a tensor is kept for the backward pass. */
export interface Codec {
  readonly encode: (x: Tensor) => readonly Tensor[];
  /** Gives back a tensor of the shape and type that was encoded. */
  readonly decode: (parts: readonly Tensor[]) => Tensor;
}

/**
 * Keeps a compressed form of a tensor for the backward pass. The forward pass uses the exact values.
 *
 * @param x - what later ops read
 * @param codec - how it is kept
 * @returns the same values; gradient rules that read them see the decoded ones
 * @throws PatchClampError `SHAPE_MISMATCH` when the codec does not give back the shape it was given
 */
export function saveAs(x: Tensor, codec: Codec): Tensor {
  const parts = codec.encode(x);
  const y = identity(x);
  let decoded: Tensor | undefined;
  registerSavedForm(y.node, () => (decoded ??= checked(x, codec.decode(parts))));
  return y;
}

function checked(x: Tensor, decoded: Tensor): Tensor {
  if (decoded.dtype === x.dtype && decoded.shape.join() === x.shape.join()) return decoded;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where: "saveAs",
    problem: `the codec decoded ${decoded.dtype}[${decoded.shape.join(", ")}] from ${x.dtype}[${x.shape.join(", ")}].`,
    fix: "return the shape and type that was encoded.",
  });
}

/** Keeps half the bytes. */
export const float16Codec: Codec = {
  encode: (x) => [x.cast("float16")],
  decode: ([half]) => half!.cast("float32"),
};

/** Keeps a quarter of the bytes: int8 with one scale for every slice of the last axis. */
export const int8Codec: Codec = {
  encode: (x) => {
    const scale = x
      .abs()
      .max({ axis: -1, keepDims: true })
      .add(1e-12)
      .mul(1 / 127);
    return [x.div(scale).round().cast("int8"), scale];
  },
  decode: ([codes, scale]) => codes!.cast("float32").mul(scale!),
};
