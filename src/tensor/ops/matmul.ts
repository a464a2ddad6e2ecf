// Products of matrices.

import { PatchClampError } from "../../core/errors.ts";
import type { LowerContext, Op, ValueRef } from "../op.ts";
import { broadcastShapes, defineOp, f32, sameDType, showShape } from "../op.ts";
import type { Aval } from "../tensor.ts";
import { apply, sizeOf, Tensor } from "../tensor.ts";

declare module "../tensor.ts" {
  interface Tensor {
    /** Matrix product over the last two axes; leading axes broadcast. */
    matmul(other: Tensor, options?: MatmulOptions): Tensor;
    /** `x @ w.T + b`: `x` [..., in], `w` [out, in], `b` [out]. */
    linear(w: Tensor, b?: Tensor): Tensor;
  }
}

/** Options of `matmul`. */
export interface MatmulOptions {
  /** Swap the last two axes of the left operand first. Default false. */
  transposeA?: boolean;
  /** Swap the last two axes of the right operand first. Default false. */
  transposeB?: boolean;
}

interface MatmulAttrs {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Rows and columns of a matrix after the transposition that an option asks for. */
function matrix({ shape }: Aval, isTransposed: boolean): readonly [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return isTransposed ? [columns, rows] : [rows, columns];
}

function inferMatmul(a: Aval, b: Aval, { transposeA, transposeB }: MatmulAttrs): Aval {
  const dtype = sameDType("matmul", [a, b], ["float32", "int32", "int64"]);
  const shapes = `${showShape(a.shape)}${transposeA ? " transposed" : ""} by ${showShape(b.shape)}${transposeB ? " transposed" : ""}`;
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "matmul",
      problem: `cannot multiply ${shapes}: both must have at least two axes.`,
      fix: "add an axis of size 1 with unsqueeze.",
    });
  }
  const [rows, inner] = matrix(a, transposeA);
  const [otherInner, columns] = matrix(b, transposeB);
  if (inner !== otherInner) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "matmul",
      problem: `cannot multiply ${shapes}: the inner sizes are ${inner} and ${otherInner}.`,
      fix: "transpose one operand, or check which axis each one's sizes belong to.",
    });
  }
  const batch = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  return { shape: [...batch, rows, columns], dtype };
}

const matmulOp = defineOp<MatmulAttrs>({
  name: "matmul",
  infer: ([a, b], attrs) => [inferMatmul(a!, b!, attrs)],
  // y = A B:  dA = g B^T,  dB = A^T g;  a transposed operand gets the transposed gradient
  grad: ({ inputs: [a, b], cotangents: [g], attrs: { transposeA, transposeB } }) => {
    const da = transposeA
      ? b!.matmul(g!, { transposeA: transposeB, transposeB: true })
      : g!.matmul(b!, { transposeB: !transposeB });
    const db = transposeB
      ? g!.matmul(a!, { transposeA: true, transposeB: transposeA })
      : a!.matmul(g!, { transposeA: !transposeA });
    return [da.sumTo(a!.shape), db.sumTo(b!.shape)];
  },
  lower: lowerMatmul,
  sliceThrough: (axis, [a, b], { shape }, { transposeA, transposeB }) => {
    const fromEnd = shape.length - axis;
    if (fromEnd === 2) return [a!.shape.length - (transposeA ? 1 : 2), null];
    if (fromEnd === 1) return [null, b!.shape.length - (transposeB ? 2 : 1)];
    const own = (x: Aval): number | null => {
      const at = x.shape.length - fromEnd;
      return at < 0 || x.shape[at] === 1 ? null : at;
    };
    return [own(a!), own(b!)];
  },
  flops: ([a], [y], { transposeA }) => 2 * sizeOf(y!.shape) * matrix(a!, transposeA)[1],
  samples: [
    { inputs: [f32([2, 3]), f32([3, 4])], attrs: { transposeA: false, transposeB: false } },
    { inputs: [f32([3, 2]), f32([4, 3])], attrs: { transposeA: true, transposeB: true } },
    { inputs: [f32([2, 1, 2, 3]), f32([5, 4, 3])], attrs: { transposeA: false, transposeB: true } },
    { inputs: [f32([2, 3, 2]), f32([3, 2])], attrs: { transposeA: true, transposeB: false } },
    { inputs: [f32([3, 5]), f32([2, 3, 2])], attrs: { transposeA: true, transposeB: false } },
  ],
});

// Two matrices: Gemm. Batches: MatMul, and FusedMatMul where an operand is transposed, which spares the copy; it is
// a contrib kernel that WebGPU lacks.
function lowerMatmul(
  context: LowerContext,
  [a, b]: readonly ValueRef[],
  attrs: MatmulAttrs,
): ValueRef[] {
  const { emit, inputs, outputs, device } = context;
  const { transposeA, transposeB } = attrs;
  const swapped = (x: ValueRef, { shape }: Aval): ValueRef => {
    const order = shape.map((_, i) => i);
    [order[order.length - 2], order[order.length - 1]] = [order.length - 1, order.length - 2];
    return emit("Transpose", [x], { perm: order });
  };
  const isFloat = inputs[0]!.dtype === "float32";
  const rank = Math.max(inputs[0]!.shape.length, inputs[1]!.shape.length);
  if (rank === 2 && isFloat) {
    return [emit("Gemm", [a!, b!], { transA: Number(transposeA), transB: Number(transposeB) })];
  }
  if (!transposeA && !transposeB) return [emit("MatMul", [a!, b!])];
  if (isFloat && device !== "webgpu") {
    const product = (x: ValueRef, y: ValueRef, transA: boolean): ValueRef =>
      emit("com.microsoft.FusedMatMul", [x, y], {
        transA: Number(transA),
        transB: Number(transposeB),
      });
    // A^T B = (B^T A)^T: where A is much the larger, turning B and the result takes a quarter less time
    const [rows, columns] = outputs[0]!.shape.slice(-2) as [number, number];
    if (transposeA && !transposeB && rows >= 2 * columns) {
      return [swapped(product(b!, a!, true), outputs[0]!)];
    }
    return [product(a!, b!, transposeA)];
  }
  return [
    emit("MatMul", [
      transposeA ? swapped(a!, inputs[0]!) : a!,
      transposeB ? swapped(b!, inputs[1]!) : b!,
    ]),
  ];
}

/**
 * Matrix product over the last two axes.
 *
 * @param a - [..., rows, inner]
 * @param b - [..., inner, columns]
 * @returns [..., rows, columns], leading axes broadcast
 * @throws PatchClampError `SHAPE_MISMATCH` when the inner sizes or the leading axes do not fit
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options;
  return apply(matmulOp, [a, b], { transposeA, transposeB });
}

Tensor.prototype.matmul = function method(this: Tensor, other, options): Tensor {
  return matmul(this, other, options);
};

interface LinearAttrs {
  /** Whether the weights are [out, in] (as stored) or, in gradients, [in, out]. */
  readonly transposed: boolean;
  /** Whether the weights are copied into the compiled graph. Default false. */
  readonly isBaked?: boolean;
}

const linearOp: Op<LinearAttrs> = defineOp<LinearAttrs>({
  name: "linear",
  infer: ([x, w, b], { transposed }) => {
    const dtype = sameDType("linear", b === undefined ? [x!, w!] : [x!, w!, b], ["float32"]);
    const [out, inner] = transposed ? w!.shape : w!.shape.toReversed();
    const isFit = w!.shape.length === 2 && x!.shape.length >= 1 && x!.shape.at(-1) === inner;
    if (!isFit || (b !== undefined && b.shape.join() !== String(out))) {
      const bias = b === undefined ? "" : ` and bias ${showShape(b.shape)}`;
      throw new PatchClampError("SHAPE_MISMATCH", {
        where: "linear",
        problem: `cannot apply weights ${showShape(w!.shape)}${bias} to ${showShape(x!.shape)}.`,
        fix: "weights are [out, in], the bias is [out], and the last axis of the input is in.",
      });
    }
    return [{ shape: [...x!.shape.slice(0, -1), out!], dtype }];
  },
  // y = x W^T + b:  dx = g W,  dW = g^T x,  db = sum of g over all rows
  grad: ({ inputs: [x, w, b], cotangents: [g], attrs: { transposed } }) => {
    const rows = (t: Tensor): Tensor => t.reshape([-1, t.shape.at(-1)!]);
    const dx = apply(linearOp, [g!, w!], { transposed: !transposed });
    const dw = transposed
      ? rows(g!).matmul(rows(x!), { transposeA: true })
      : rows(x!).matmul(rows(g!), { transposeA: true });
    return b === undefined ? [dx, dw] : [dx, dw, rows(g!).sum({ axis: 0 })];
  },
  // one Gemm over all rows: measured faster than MatMul on 3-D input when the weights are graph inputs
  lower: ({ emit, reshape, inputs, outputs }, [x, w, b], { transposed, isBaked }) => {
    const { shape } = inputs[0]!;
    const { shape: made } = outputs[0]!;
    // constants are prepared for a product of any rank
    if (isBaked === true) {
      const product = emit("com.microsoft.FusedMatMul", [x!, w!], { transB: Number(transposed) });
      return [b === undefined ? product : emit("Add", [product, b])];
    }
    const rows = sizeOf(shape.slice(0, -1));
    const flat = shape.length === 2 ? x! : reshape(x!, shape, [rows, shape.at(-1)!]);
    const y = emit("Gemm", b === undefined ? [flat, w!] : [flat, w!, b], {
      transB: Number(transposed),
    });
    return [shape.length === 2 ? y : reshape(y, [rows, made.at(-1)!], made)];
  },
  sliceThrough: (axis, inputs, output) =>
    axis === output.shape.length - 1 ? undefined : inputs.map((_, i) => (i === 0 ? axis : null)),
  bakes: ({ isBaked }) => (isBaked === true ? [1] : []),
  flops: ([x], [y]) => 2 * sizeOf(y!.shape) * x!.shape.at(-1)!,
  samples: [
    { inputs: [f32([2, 3]), f32([4, 3]), f32([4])], attrs: { transposed: true } },
    { inputs: [f32([2, 3]), f32([4, 3])], attrs: { transposed: true, isBaked: true } },
    { inputs: [f32([2, 2, 3]), f32([4, 3])], attrs: { transposed: true } },
    { inputs: [f32([2, 2, 3]), f32([3, 4])], attrs: { transposed: false } },
    { inputs: [f32([3]), f32([2, 3]), f32([2])], attrs: { transposed: true } },
  ],
});

/**
 * An affine map of the last axis.
 *
 * @param x - [..., in]
 * @param w - weights, [out, in]
 * @param b - bias, [out]; none by default
 * @returns `x @ w.T + b`, [..., out]
 * @throws PatchClampError `SHAPE_MISMATCH` when the weights or the bias do not fit
 */
export function linear(x: Tensor, w: Tensor, b?: Tensor): Tensor {
  return apply(linearOp, b === undefined ? [x, w] : [x, w, b], { transposed: true });
}

const prepackedOp = defineOp({
  name: "prepacked",
  isStored: true,
  isView: true,
  infer: ([w]) => [w!],
  grad: ({ cotangents: [g] }) => [g!],
  lower: (_, [w]) => [w!],
  sliceThrough: (axis) => [axis],
  reference: ([w]) => [w!.data],
  samples: [{ inputs: [f32([3, 2])], attrs: {} }],
});

/**
 * Weights that linear maps of few rows copy into the compiled graph, in the order in which the processor reads them fastest: less time a
 * step, for the memory of the copies and a slower first one.
 */
export function prepacked(w: Tensor): Tensor {
  return apply(prepackedOp, [w], {});
}

/** What `prepacked` was given; undefined for other weights. */
export function prepackedPart({ node }: Tensor): Tensor | undefined {
  return node.op.name === prepackedOp.name ? node.inputs[0] : undefined;
}

Tensor.prototype.linear = function method(this: Tensor, w, b): Tensor {
  return linear(this, w, b);
};
