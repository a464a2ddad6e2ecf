// Linear maps of rows that lie in groups, each group with weights of its own: the experts of a mixture. How many rows a
// group has is known only when the graph runs; a group without rows is not computed.

import { PatchClampError } from "../../core/errors.ts";
import type { LowerContext, Op, ValueRef } from "../op.ts";
import { defineOp, f32, i32, sameDType, showShape } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { apply, applyMany, sizeOf } from "../tensor.ts";
import { ONNX_TYPE } from "./cast.ts";

interface GroupAttrs {
  readonly groups: number;
}

interface GroupedLinearAttrs extends GroupAttrs {
  /** Whether the weights are [out, in] (as stored) or, in gradients, [in, out]. */
  readonly transposed: boolean;
}

const groupedLinearOp: Op<GroupedLinearAttrs> = defineOp<GroupedLinearAttrs>({
  name: "groupedLinear",
  infer: ([x, counts, ...params], { groups, transposed }) => {
    const dtype = sameDType("groupedLinear", [x!, ...params], ["float32"]);
    const w = params[0]!.shape;
    const [out, inner] = transposed ? w : w.toReversed();
    const isFit = params.every(({ shape }, i) => shape.join() === (i < groups ? w : [out]).join());
    if (!isFit || counts!.shape.join() !== `${groups}` || x!.shape.slice(1).join() !== `${inner}`) {
      throw new PatchClampError("SHAPE_MISMATCH", {
        where: "groupedLinear",
        problem: `cannot apply ${groups} weights such as ${showShape(w)} to rows ${showShape(x!.shape)} in groups counted by ${showShape(counts!.shape)}.`,
        fix: "weights are [out, in], all alike, biases [out], rows [rows, in], counts [groups].",
      });
    }
    return [{ shape: [x!.shape[0]!, out!], dtype }];
  },
  // y_i = x_i W_i^T + b_i:  dx_i = g_i W_i,  dW_i = g_i^T x_i,  db_i = sum of g_i over its rows
  grad: ({ inputs: [x, counts, ...params], cotangents: [g], attrs: { groups, transposed } }) => {
    const back = { groups, transposed: !transposed };
    const dx = apply(groupedLinearOp, [g!, counts!, ...params.slice(0, groups)], back);
    const dw = transposed ? groupedOuter(g!, x!, counts!) : groupedOuter(x!, g!, counts!);
    const one = g!.slice({ axis: 1, end: 1 }).onesLike();
    const db = groups === params.length ? [] : groupedOuter(g!, one, counts!);
    return [dx, null, ...dw, ...db.map((sum) => sum.squeeze(1))];
  },
  lower: (context, [x, counts, ...params], { groups, transposed }) => {
    const { emit, reshape, outputs } = context;
    const parts = inGroups(context, [x!, counts!], { of: 0, groups }).map((rows, i) => {
      const y = emit(product(context), [rows, params[i]!], { transB: Number(transposed) });
      return groups === params.length ? y : emit("Add", [y, params[groups + i]!]);
    });
    const { shape } = outputs[0]!;
    return [reshape(emit("Concat", parts, { axis: 0 }), shape, shape)];
  },
  reference: ([x, counts, ...params], { groups, transposed }) => {
    const [from, to] = [x!.shape[1]!, params[0]!.shape[transposed ? 0 : 1]!];
    const groupOf = counts!.data.flatMap((count, group) => Array<number>(count).fill(group));
    const cell = (row: number, group: number, o: number): number => {
      let sum = params[groups + group]?.data[o] ?? 0;
      for (let i = 0; i < from; i++) {
        const w = params[group]!.data[transposed ? o * from + i : i * to + o]!;
        sum += x!.data[row * from + i]! * w;
      }
      return sum;
    };
    return [
      groupOf.flatMap((group, row) => Array.from({ length: to }, (_, o) => cell(row, group, o))),
    ];
  },
  flops: ([x], [y]) => 2 * sizeOf(y!.shape) * x!.shape[1]!,
  samples: [
    {
      inputs: [f32([4, 3]), i32([3], { values: [3, 0, 1] }), f32([2, 3]), f32([2, 3]), f32([2, 3])],
      attrs: { groups: 3, transposed: true },
    },
    {
      inputs: [f32([3, 2]), i32([2], { values: [1, 2] }), f32([2, 3]), f32([2, 3])],
      attrs: { groups: 2, transposed: false },
    },
    {
      inputs: [f32([2, 2]), i32([1], { values: [2] }), f32([3, 2]), f32([3])],
      attrs: { groups: 1, transposed: true },
    },
  ],
});

const groupedOuterOp: Op<GroupAttrs> = defineOp<GroupAttrs>({
  name: "groupedOuter",
  infer: ([a, b], { groups }) => {
    const shape = [a!.shape[1]!, b!.shape[1]!];
    return Array.from({ length: groups }, () => ({ shape, dtype: "float32" }));
  },
  // Y_i = a_i^T b_i:  da_i = b_i G_i^T,  db_i = a_i G_i
  grad: ({ inputs: [a, b, counts], outputs, cotangents, attrs: { groups } }) => {
    const gs = cotangents.map((g, i) => g ?? outputs[i]!.zerosLike());
    const mapped = (x: Tensor, transposed: boolean): Tensor =>
      apply(groupedLinearOp, [x, counts!, ...gs], { groups, transposed });
    return [mapped(b!, true), mapped(a!, false), null];
  },
  lower: (context, [a, b, counts], { groups }) => {
    const bs = inGroups(context, [b!, counts!], { of: 1, groups });
    return inGroups(context, [a!, counts!], { of: 0, groups }).map((rows, i) =>
      context.emit(product(context), [rows, bs[i]!], { transA: 1 }),
    );
  },
  flops: ([a, b]) => 2 * sizeOf(a!.shape) * b!.shape[1]!,
  samples: [
    { inputs: [f32([4, 2]), f32([4, 3]), i32([3], { values: [1, 0, 3] })], attrs: { groups: 3 } },
  ],
});

/** For each group the product a_i^T b_i of its rows. */
function groupedOuter(a: Tensor, b: Tensor, counts: Tensor): readonly Tensor[] {
  return applyMany(groupedOuterOp, [a, b, counts], { groups: counts.size });
}

/** Gemm tells the planner a rank; WebGPU has nothing else. */
function product({ device }: LowerContext): string {
  return device === "webgpu" ? "Gemm" : "com.microsoft.FusedMatMul";
}

/**
 * The rows of input number `of`, group by group.
 *
 * They are cut from a view whose rank only a run can tell: for every value of known rank and unknown size ONNX Runtime
 * searches all others for memory to use again. A session of 3000 products loads in 0.2 s with it, in 10 s without.
 */
export function inGroups(
  { emit, emitMany, reshape, inputs }: LowerContext,
  [x, counts]: readonly [ValueRef, ValueRef],
  { of, groups }: { readonly of: number; readonly groups: number },
): ValueRef[] {
  const { shape } = inputs[of]!;
  const sizes = emit("Cast", [counts], { to: ONNX_TYPE.int64 });
  const total = emit("ReduceSum", [sizes], { keepdims: 1 });
  const zero = emit("Sub", [total, total]);
  const view = emit("Squeeze", [reshape(x, shape, [1, ...shape]), zero]);
  return emitMany("Split", [view, sizes], { axis: 0 }, groups);
}

/**
 * Linear maps of rows in groups: the first `counts[0]` rows by the first weights, the next `counts[1]` by the second ...
 *
 * @param x - [rows, in]
 * @param counts - int32, [groups]; they add up to the number of rows
 * @param params - weights [out, in] of every group and, where there are any, biases [out]
 * @returns [rows, out]; a group without rows is not computed
 * @throws PatchClampError `SHAPE_MISMATCH` when the shapes do not fit, `RUNTIME_FAILED` when the graph runs and the counts do not add up
 */
export function groupedLinear(
  x: Tensor,
  counts: Tensor,
  params: { readonly weights: readonly Tensor[]; readonly biases?: readonly Tensor[] | undefined },
): Tensor {
  const { weights, biases = [] } = params;
  const attrs = { groups: weights.length, transposed: true };
  return apply(groupedLinearOp, [x, counts, ...weights, ...biases], attrs);
}
