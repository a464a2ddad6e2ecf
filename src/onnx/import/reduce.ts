// Operators that fold axes into one number.

import type { DType, Tensor } from "../../tensor/tensor.ts";
import type { ImportContext, ImportHandler, ImportHandlers } from "./handler.ts";
import { knownTensor } from "./known.ts";

/** How a reduction is made of traced ones. */
interface Fold {
  /** Over these axes, which are at least one and have elements, kept at size 1. */
  readonly fold: (x: Tensor, axes: readonly number[]) => Tensor;
  /** What nothing folds to. */
  readonly empty: number | ((dtype: DType) => number);
  /** Types beside float32 that `fold` takes. */
  readonly types?: readonly DType[];
  /** What becomes of each number where no axis is folded; by default nothing. */
  readonly each?: (x: Tensor) => Tensor;
}

const WHOLE: readonly DType[] = ["int32", "int64"];

/** Types of few bits are folded as int32. */
const NARROW: readonly DType[] = ["int8", "uint8", "bool"];

function reduction({ fold, empty, types = [], each = (x) => x }: Fold): ImportHandler {
  return (context) => {
    const given = context.input(0);
    const isNarrow = NARROW.includes(given.dtype) && types.includes("int32");
    const x = isNarrow ? given.cast("int32") : given;
    const axes = foldedAxes(context, x);
    const isTraced = x.dtype === "float32" || types.includes(x.dtype);
    if (axes.length === 0) return isTraced ? each(x).cast(given.dtype) : given;
    const keepDims = context.int("keepdims", 1) === 1;
    const kept = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
    const shape = keepDims ? kept : kept.filter((_, i) => !axes.includes(i));
    if (!isTraced) return written(context, axes, { shape, dtype: x.dtype });
    const isEmpty = axes.some((axis) => x.shape[axis] === 0);
    const nothing = typeof empty === "number" ? empty : empty(given.dtype);
    const y = isEmpty
      ? knownTensor([nothing], { shape: [], dtype: x.dtype }).broadcastTo(kept)
      : fold(x, axes);
    return y.reshape(shape).cast(given.dtype);
  };
}

/** The axes that are folded, in 0..rank-1: an attribute in older operator sets, an input in newer ones. */
function foldedAxes(context: ImportContext, { rank, shape }: Tensor): number[] {
  const given = context.ints("axes") ?? context.known(1) ?? [];
  const all = shape.map((_, i) => i);
  if (given.length === 0) return context.int("noop_with_empty_axes", 0) === 1 ? [] : all;
  const outside = given.find((axis) => axis < -rank || axis >= rank);
  if (outside !== undefined) throw context.refuse(`folds axis ${outside} of ${rank}`);
  return all.filter((axis) => given.includes(axis) || given.includes(axis - rank));
}

/** The node with its axes where ONNX Runtime's operator set has them. */
function written(
  context: ImportContext,
  axes: readonly number[],
  output: { readonly shape: readonly number[]; readonly dtype: DType },
): readonly Tensor[] {
  const list = knownTensor(axes, { shape: [axes.length], dtype: "int64" });
  return context.asItIs([output], {
    inputs: [context.input(0), list],
    attributes: { keepdims: context.int("keepdims", 1) },
  });
}

/** A product by halves: no number is divided by, so that zeros have their gradient too. */
function productOver(x: Tensor, axes: readonly number[]): Tensor {
  const others = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const shape = others.map((i) => x.shape[i]!);
  let y = x.transpose([...others, ...axes]).reshape([...shape, -1]);
  const last = others.length;
  while (y.shape[last]! > 1) {
    const half = Math.floor(y.shape[last]! / 2);
    const product = y
      .slice({ axis: last, end: half })
      .mul(y.slice({ axis: last, start: half, end: 2 * half }));
    const isOdd = y.shape[last]! % 2 === 1;
    y = isOdd ? product.concatWith([y.slice({ axis: last, start: 2 * half })], last) : product;
  }
  return y;
}

const sum = (x: Tensor, axis: readonly number[]): Tensor => x.sum({ axis, keepDims: true });

const LOWEST: Partial<Record<DType, number>> = {
  int8: -128,
  int32: -(2 ** 31),
  int64: -(2 ** 63),
  uint8: 0,
  bool: 0,
};
const LARGEST: Partial<Record<DType, number>> = {
  int8: 127,
  int32: 2 ** 31 - 1,
  int64: 2 ** 63,
  uint8: 255,
  bool: 1,
};

export const reduce: ImportHandlers = {
  ReduceSum: reduction({ fold: sum, empty: 0, types: WHOLE }),
  ReduceMean: reduction({
    fold: (x, axis) => x.mean({ axis, keepDims: true }),
    empty: Number.NaN,
  }),
  ReduceMax: reduction({
    fold: (x, axis) => x.max({ axis, keepDims: true }),
    empty: (dtype) => LOWEST[dtype] ?? -Infinity,
    types: WHOLE,
  }),
  ReduceMin: reduction({
    fold: (x, axis) => x.min({ axis, keepDims: true }),
    empty: (dtype) => LARGEST[dtype] ?? Infinity,
    types: WHOLE,
  }),
  ReduceProd: reduction({ fold: productOver, empty: 1, types: WHOLE }),
  ReduceL1: reduction({ fold: (x, axes) => sum(x.abs(), axes), empty: 0, each: (x) => x.abs() }),
  ReduceL2: reduction({
    fold: (x, axes) => sum(x.square(), axes).sqrt(),
    empty: 0,
    each: (x) => x.abs(),
  }),
  ReduceSumSquare: reduction({
    fold: (x, axes) => sum(x.mul(x), axes),
    empty: 0,
    types: WHOLE,
    each: (x) => x.mul(x),
  }),
  ReduceLogSum: reduction({
    fold: (x, axes) => sum(x, axes).log(),
    empty: -Infinity,
    each: (x) => x.log(),
  }),
  ReduceLogSumExp: reduction({
    fold: (x, axis) => x.logSumExp({ axis, keepDims: true }),
    empty: -Infinity,
  }),
};
