// Types and shapes of products, convolutions, reductions and attention.

import type { OnnxType } from "../../model.ts";
import type { Dim, Shape } from "./dim.ts";
import { broadcast, broadcastDim, over, plus, times } from "./dim.ts";
import type { Known, RuleContext, Rules } from "./rule.ts";
import { UNKNOWN, axisIn, intsOf, likeFirst, withSize } from "./rule.ts";

const REDUCTIONS = "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare";

export const linearRules: Rules = {
  MatMul: ({ input }) => [multiplied(input(0), input(1))],
  "com.microsoft.FusedMatMul": ({ input, int }) => [
    multiplied(flipped(input(0), int("transA", 0)), flipped(input(1), int("transB", 0))),
  ],
  MatMulInteger: ({ input }) => [multiplied(input(0), input(1), "int32")],
  "com.microsoft.MatMulIntegerToFloat": ({ input }) => [
    multiplied(input(0), input(1), input(2).type),
  ],
  "com.microsoft.DynamicQuantizeMatMul": ({ input }) => [multiplied(input(0), input(1), "float32")],
  QLinearMatMul: ({ input }) => [multiplied(input(0), input(3), input(7).type)],
  "com.microsoft.MatMulNBits": ({ input, int }) => [
    { type: input(0).type, shape: ending(input(0).shape, int("N", undefined) ?? null) },
  ],
  Gemm: ({ input, int }) => {
    const a = flipped(input(0), int("transA", 0));
    const b = flipped(input(1), int("transB", 0));
    const shape = [a.shape?.[0] ?? null, b.shape?.[1] ?? null];
    return [{ type: input(0).type ?? input(1).type, shape }];
  },
  Conv: (context) => [convolved(context, context.input(0), context.input(1))],
  ConvInteger: (context) => [
    { ...convolved(context, context.input(0), context.input(1)), type: "int32" },
  ],
  QLinearConv: (context) => [
    { ...convolved(context, context.input(0), context.input(3)), type: context.input(7).type },
  ],
  "com.microsoft.FusedConv": (context) => [convolved(context, context.input(0), context.input(1))],
  MaxPool: (context) => {
    const pooled = windowed(context, context.input(0), context.ints("kernel_shape"));
    return [pooled, { type: "int64", shape: pooled.shape }];
  },
  AveragePool: (context) => [windowed(context, context.input(0), context.ints("kernel_shape"))],
  LpPool: (context) => [windowed(context, context.input(0), context.ints("kernel_shape"))],
  GlobalAveragePool: single,
  GlobalMaxPool: single,
  ...Object.fromEntries(REDUCTIONS.split(" ").map((name) => [`Reduce${name}`, reduced])),
  ArgMax: arg,
  ArgMin: arg,
  TopK: (context) => {
    const { type, shape } = context.input(0);
    const axis = axisIn(shape, context.int("axis", -1));
    const k = context.input(1).elements?.[0] ?? context.int("k", undefined) ?? null;
    const sizes = shape && (axis === undefined ? undefined : withSize(shape, axis, k));
    return [
      { type, shape: sizes },
      { type: "int64", shape: sizes },
    ];
  },
  Einsum: ({ input, inputCount, text }) => [
    {
      type: input(0).type,
      shape: einsum(
        text("equation"),
        Array.from({ length: inputCount }, (_, i) => input(i).shape),
      ),
    },
  ],
  LayerNormalization: normalised,
  RMSNormalization: likeFirst(),
  "com.microsoft.SkipLayerNormalization": skipped,
  "com.microsoft.SkipSimplifiedLayerNormalization": skipped,
  "com.microsoft.EmbedLayerNormalization": ({ input }) => {
    const ids = input(0).shape;
    const width = input(2).shape?.[1] ?? null;
    const shape = ids && [...ids, width];
    const { type } = input(2);
    return [
      { type, shape },
      { type: "int32", shape: ids?.slice(0, 1) },
      { type, shape },
    ];
  },
  "com.microsoft.GroupQueryAttention": groupQuery,
  "com.microsoft.MultiHeadAttention": multiHead,
  "com.microsoft.Attention": ({ input, ints }) => {
    const width = ints("qkv_hidden_sizes")?.[2] ?? over(input(1).shape?.[1] ?? null, 3);
    return [{ type: input(0).type, shape: ending(input(0).shape, width) }, UNKNOWN];
  },
  Resize: resized,
  Upsample: resized,
};

function ending(shape: Shape | undefined, size: Dim): Shape | undefined {
  return shape && [...shape.slice(0, -1), size];
}

function flipped(value: Known, isFlipped: number): Known {
  if (isFlipped === 0 || value.shape === undefined || value.shape.length < 2) return value;
  const [rows, columns] = value.shape.slice(-2);
  return { type: value.type, shape: [...value.shape.slice(0, -2), columns!, rows!] };
}

function multiplied(a: Known, b: Known, type: OnnxType | undefined = a.type ?? b.type): Known {
  if (a.shape === undefined || b.shape === undefined) return { type, shape: undefined };
  if (a.shape.length === 0 || b.shape.length === 0) return { type, shape: undefined };
  const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const rows = a.shape.length === 1 ? [] : [a.shape.at(-2)!];
  const columns = b.shape.length === 1 ? [] : [b.shape.at(-1)!];
  return { type, shape: [...batch, ...rows, ...columns] };
}

function convolved(context: RuleContext, x: Known, weight: Known): Known {
  const kernel = context.ints("kernel_shape") ?? weight.shape?.slice(2);
  const { type, shape } = windowed(context, x, kernel);
  return { type, shape: shape && withSize(shape, 1, weight.shape?.[0] ?? null) };
}

/** Sizes of what slides a window over the axes behind the second. */
function windowed(
  { ints, int, text }: RuleContext,
  { type, shape }: Known,
  kernel: Shape | undefined,
): Known {
  if (shape === undefined) return { type, shape };
  const [strides, pads, dilations] = ["strides", "pads", "dilations"].map(ints);
  const rule = text("auto_pad") ?? "NOTSET";
  const spatial = shape.slice(2).map((size, i): Dim => {
    const [stride, window] = [strides?.[i] ?? 1, kernel?.[i]];
    if (rule.startsWith("SAME")) return typeof size === "number" ? Math.ceil(size / stride) : null;
    if (typeof window !== "number") return null;
    const padding = (pads?.[i] ?? 0) + (pads?.[i + shape.length - 2] ?? 0);
    const room = padding - (window - 1) * (dilations?.[i] ?? 1) - 1;
    if (typeof size !== "number") return stride === 1 ? plus(size, room + 1) : null;
    const steps = (size + room) / stride;
    return (int("ceil_mode", 0) === 0 ? Math.floor(steps) : Math.ceil(steps)) + 1;
  });
  return { type, shape: [...shape.slice(0, 2), ...spatial] };
}

function single({ input }: RuleContext): readonly Known[] {
  const { type, shape } = input(0);
  return [{ type, shape: shape?.map((size, i) => (i < 2 ? size : 1)) }];
}

function reduced(context: RuleContext): readonly Known[] {
  const { type, shape } = context.input(0);
  const keeps = context.int("keepdims", 1) !== 0;
  const axes = intsOf(context, "axes", 1);
  const isUnknown = axes === undefined && context.input(1) !== UNKNOWN;
  if (shape === undefined || isUnknown) return [{ type, shape: undefined }];
  if ((axes === undefined || axes.length === 0) && context.int("noop_with_empty_axes", 0) !== 0)
    return [{ type, shape }];
  const gone = new Set(
    axes === undefined || axes.length === 0
      ? shape.keys()
      : axes.map((axis) => (axis < 0 ? axis + shape.length : axis)),
  );
  const sizes = shape.map((size, i) => (gone.has(i) ? 1 : size));
  return [{ type, shape: keeps ? sizes : sizes.filter((_, i) => !gone.has(i)) }];
}

function arg({ input, int }: RuleContext): readonly Known[] {
  const { shape } = input(0);
  const axis = axisIn(shape, int("axis", 0));
  if (shape === undefined || axis === undefined) return [{ type: "int64", shape: undefined }];
  const keeps = int("keepdims", 1) !== 0;
  return [{ type: "int64", shape: keeps ? withSize(shape, axis, 1) : shape.toSpliced(axis, 1) }];
}

function normalised({ input, int, outputCount }: RuleContext): readonly Known[] {
  const { type, shape } = input(0);
  const axis = axisIn(shape, int("axis", -1));
  const statistics = axis === undefined ? undefined : shape?.map((s, i) => (i < axis ? s : 1));
  const rest = { type: "float32" as const, shape: statistics };
  return [{ type, shape }, ...Array.from({ length: outputCount - 1 }, () => rest)];
}

/** The normalised sum, two statistics, and the sum. */
function skipped({ input }: RuleContext): readonly Known[] {
  const { type, shape } = input(0);
  const statistics: Known = { type: "float32", shape: shape && ending(shape, 1) };
  return [{ type, shape }, statistics, statistics, { type, shape }];
}

function groupQuery({ input, int }: RuleContext): readonly Known[] {
  const { type, shape } = input(0);
  const [heads, kvHeads] = [int("num_heads", undefined), int("kv_num_heads", undefined)];
  const isPacked = input(1) === UNKNOWN;
  const width =
    isPacked && heads !== undefined && kvHeads !== undefined
      ? over(times(shape?.at(-1) ?? null, heads), heads + 2 * kvHeads)
      : (shape?.at(-1) ?? null);
  const past = input(3).shape;
  const grown = past && [past[0] ?? null, past[1] ?? null, null, past[3] ?? null];
  const present: Known = { type: input(3).type ?? type, shape: grown };
  return [{ type, shape: ending(shape, width) }, present, present];
}

function multiHead({ input }: RuleContext): readonly Known[] {
  const { type, shape } = input(0);
  const value = input(2).shape;
  const width = value?.at(-1) ?? null;
  const known = shape?.length === 3 && value?.length !== 4;
  const past = input(6).shape;
  const grown = past && [past[0] ?? null, past[1] ?? null, null, past[3] ?? null];
  const present: Known = { type, shape: grown };
  return [{ type, shape: known ? ending(shape, width) : undefined }, present, present];
}

function einsum(
  equation: string | undefined,
  shapes: readonly (Shape | undefined)[],
): Shape | undefined {
  const [left, right] = (equation ?? "").replaceAll(" ", "").split("->");
  if (left === undefined || right === undefined || right.includes(".")) return undefined;
  const sizes = new Map<string, Dim>();
  for (const [i, term] of left.split(",").entries()) {
    for (const [axis, letter] of term.split("").entries()) {
      const size = shapes[i]?.[axis] ?? null;
      sizes.set(letter, sizes.has(letter) ? broadcastDim(sizes.get(letter)!, size) : size);
    }
  }
  return right.split("").map((letter) => sizes.get(letter) ?? null);
}

function resized({ input, inputCount }: RuleContext): readonly Known[] {
  const { type, shape } = input(0);
  const sizes = inputCount > 3 ? input(3).elements : undefined;
  const fits = sizes?.length === shape?.length;
  return [{ type, shape: fits && sizes !== undefined ? sizes : shape?.map(() => null) }];
}
