// Types and shapes of what moves, picks, joins and makes elements, and the elements themselves where they are sizes.

import { typeOf } from "../../model.ts";
import type { Dim, Shape } from "./dim.ts";
import { broadcast, minus, over, plus, product, times } from "./dim.ts";
import type { Known, RuleContext, Rules } from "./rule.ts";
import { UNKNOWN, axisIn, intsOf, withSize } from "./rule.ts";

/** Elements that are followed, at most. */
const MOST = 256;

export const movementRules: Rules = {
  Shape: ({ input, int }) => {
    const { shape } = input(0);
    const elements = shape?.slice(int("start", 0), int("end", shape.length));
    return [{ type: "int64", shape: [elements?.length ?? null], elements }];
  },
  Size: ({ input }) => {
    const { shape } = input(0);
    return [{ type: "int64", shape: [], elements: shape && [product(shape)] }];
  },
  Reshape: ({ input, int, ints }) => {
    const wanted = ints("shape") ?? input(1).elements;
    const [length] = input(1).shape ?? [];
    const known = typeof length === "number" && length <= MOST;
    const shape = wanted
      ? reshaped(input(0).shape, wanted, int("allowzero", 0) !== 0)
      : known
        ? Array.from({ length }, () => null)
        : undefined;
    return [{ ...input(0), shape }];
  },
  Transpose: ({ input, ints }) => {
    const { type, shape } = input(0);
    const order = ints("perm") ?? shape?.map((_, i) => shape.length - 1 - i);
    const fits = order?.length === shape?.length;
    return [{ type, shape: fits ? order?.map((axis) => shape?.[axis] ?? null) : undefined }];
  },
  Flatten: ({ input, int }) => {
    const { type, shape } = input(0);
    const axis = int("axis", 1);
    const split = axis < 0 ? axis + (shape?.length ?? 0) : axis;
    const parts = shape && [product(shape.slice(0, split)), product(shape.slice(split))];
    return [{ type, shape: parts ?? [null, null] }];
  },
  Squeeze: squeeze,
  Unsqueeze: (context) => {
    const { type, shape, elements } = context.input(0);
    const axes = intsOf(context, "axes", 1);
    if (shape === undefined || axes === undefined) return [{ type, shape: undefined, elements }];
    const rank = shape.length + axes.length;
    const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
    const rest = [...shape];
    const sizes = Array.from({ length: rank }, (_, i) =>
      added.has(i) ? 1 : (rest.shift() ?? null),
    );
    return [{ type, shape: sizes, elements: rank <= 1 ? elements : undefined }];
  },
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  "com.microsoft.GatherBlockQuantized": ({ input, int }) => {
    const [packed, indices] = [input(0).shape, input(1).shape];
    if (packed === undefined || indices === undefined) return [{ ...UNKNOWN, type: input(2).type }];
    const perByte = input(0).type === "uint8" ? Math.floor(8 / int("bits", 4)) : 1;
    const width = times(packed.at(-1) ?? null, perByte);
    const shape = [...indices, ...packed.slice(1, -1), width];
    return [{ type: input(2).type, shape: int("gather_axis", 0) === 0 ? shape : undefined }];
  },
  GatherElements: ({ input }) => [{ type: input(0).type, shape: input(1).shape }],
  GatherND: ({ input, int }) => {
    const [data, indices] = [input(0).shape, input(1).shape];
    const depth = indices?.at(-1);
    const batch = int("batch_dims", 0);
    const shape =
      data === undefined || indices === undefined || typeof depth !== "number"
        ? undefined
        : [...indices.slice(0, -1), ...data.slice(batch + depth)];
    return [{ type: input(0).type, shape }];
  },
  Expand: ({ input }) => {
    const { type, shape } = input(0);
    const wanted = input(1).elements;
    return [{ type, shape: shape && wanted && broadcast(shape, wanted) }];
  },
  Tile: ({ input }) => {
    const { type, shape } = input(0);
    const counts = input(1).elements;
    return [{ type, shape: shape?.map((size, i) => times(size, counts?.[i] ?? null)) }];
  },
  Pad: (context) => {
    const { type, shape } = context.input(0);
    const pads = intsOf(context, "pads", 1);
    if (context.input(3).shape !== undefined) return [{ type, shape: shape?.map(() => null) }];
    const sizes = shape?.map((size, i) =>
      plus(size, pads === undefined ? null : (pads[i] ?? 0) + (pads[i + shape.length] ?? 0)),
    );
    return [{ type, shape: sizes }];
  },
  ConstantOfShape: ({ input, attribute }) => {
    const value = attribute("value");
    const sizes = input(0).elements;
    const [rank] = input(0).shape ?? [];
    const isKnown = typeof rank === "number" && rank <= MOST;
    return [
      {
        type: value?.kind === "tensor" ? value.value.type : "float32",
        shape: sizes ?? (isKnown ? Array.from({ length: rank }, () => null) : undefined),
      },
    ];
  },
  Range: ({ input }) => {
    const [from, to, step] = [0, 1, 2].map((i) => input(i).elements?.[0] ?? null);
    const distance = minus(to!, from!);
    const isUp = typeof distance !== "number" || distance >= 0;
    const size = step === 1 && isUp ? distance : null;
    return [{ type: input(0).type, shape: [size] }];
  },
  NonZero: ({ input }) => [{ type: "int64", shape: [input(0).shape?.length ?? null, null] }],
  OneHot: ({ input, int }) => {
    const { shape } = input(0);
    const axis = int("axis", -1);
    const at = shape && (axis < 0 ? axis + shape.length + 1 : axis);
    const depth = input(1).elements?.[0] ?? null;
    return [{ type: input(2).type, shape: shape?.toSpliced(at ?? 0, 0, depth) }];
  },
  EyeLike: ({ input, int }) => [
    { type: typeOf(int("dtype", 0)) ?? input(0).type, shape: input(0).shape },
  ],
  DepthToSpace: ({ input, int }) => [blocks(input(0), int("blocksize", 1), 1)],
  SpaceToDepth: ({ input, int }) => [blocks(input(0), int("blocksize", 1), -1)],
};

function reshaped(shape: Shape | undefined, wanted: Shape, keepsZeros: boolean): Shape {
  const sizes = wanted.map((size, i) => (size === 0 && !keepsZeros ? (shape?.[i] ?? null) : size));
  const open = sizes.indexOf(-1);
  if (open < 0) return sizes;
  const rest = product(sizes.filter((_, i) => i !== open));
  return withSize(sizes, open, shape === undefined ? null : quotient(shape, sizes, open, rest));
}

/** What is left for the open size. Sizes that stand on both sides cancel, also where nothing is known of their number. */
function quotient(shape: Shape, sizes: Shape, open: number, rest: Dim): Dim {
  const whole = over(product(shape), rest);
  if (whole !== null) return whole;
  const left = [...shape];
  for (const [i, size] of sizes.entries()) {
    const at = size === null || i === open ? -1 : left.indexOf(size);
    if (at >= 0) left.splice(at, 1);
    else if (i !== open) return null;
  }
  return product(left);
}

function squeeze(context: RuleContext): readonly Known[] {
  const { type, shape, elements } = context.input(0);
  const axes = intsOf(context, "axes", 1);
  const isGiven = axes !== undefined || context.inputCount > 1;
  if (shape === undefined || (axes === undefined && isGiven))
    return [{ type, shape: undefined, elements }];
  if (axes === undefined && shape.some((size) => typeof size !== "number"))
    return [{ type, shape: undefined, elements }];
  const gone = new Set(
    axes?.map((axis) => (axis < 0 ? axis + shape.length : axis)) ??
      shape.flatMap((size, i) => (size === 1 ? [i] : [])),
  );
  return [{ type, shape: shape.filter((_, i) => !gone.has(i)), elements }];
}

function concat({ input, inputCount, int }: RuleContext): readonly Known[] {
  const parts = Array.from({ length: inputCount }, (_, i) => input(i));
  const type = parts.find((part) => part.type !== undefined)?.type;
  const [first, ...others] = parts.map(({ shape }) => shape);
  const axis = axisIn(first, int("axis", undefined));
  if (first === undefined || axis === undefined) return [{ type, shape: undefined }];
  const sizes = first.map((size, i) =>
    others.reduce<Dim>((all, shape) => {
      const other = shape?.[i] ?? null;
      return i === axis ? plus(all, other) : typeof all === "number" ? all : (other ?? all);
    }, size),
  );
  const elements = parts.map((part) => part.elements);
  const isList = sizes.length === 1 && elements.every((list) => list !== undefined);
  const all = isList ? elements.flat().slice(0, MOST + 1) : [];
  return [{ type, shape: sizes, elements: isList && all.length <= MOST ? all : undefined }];
}

function split(context: RuleContext): readonly Known[] {
  const { input, int, outputCount } = context;
  const { type, shape, elements } = input(0);
  const axis = axisIn(shape, int("axis", 0));
  if (shape === undefined || axis === undefined)
    return Array.from({ length: outputCount }, () => ({ type, shape: undefined }));
  const size = shape[axis]!;
  const even = typeof size === "number" ? Math.ceil(size / outputCount) : over(size, outputCount);
  const sizes =
    intsOf(context, "split", 1) ??
    Array.from({ length: outputCount }, (_, i) =>
      typeof size === "number" && typeof even === "number"
        ? Math.max(0, Math.min(even, size - i * even))
        : even,
    );
  let from = 0;
  return Array.from({ length: outputCount }, (_, i) => {
    const own = context.inputCount > 1 && sizes[i] === undefined ? null : (sizes[i] ?? null);
    const start = from;
    from += typeof own === "number" ? own : NaN;
    const part = elements?.slice(start, from);
    const isList = shape.length === 1 && typeof own === "number" && part?.length === own;
    return { type, shape: withSize(shape, axis, own), elements: isList ? part : undefined };
  });
}

function slice(context: RuleContext): readonly Known[] {
  const { input, ints } = context;
  const { type, shape, elements } = input(0);
  if (shape === undefined) return [{ type, shape: undefined }];
  const list = (name: string, i: number): readonly Dim[] | undefined =>
    ints(name) ?? input(i).elements;
  const [starts, ends] = [list("starts", 1), list("ends", 2)];
  const hasAxes = ints("axes") !== undefined || input(3) !== UNKNOWN;
  const axes = list("axes", 3) ?? (hasAxes ? undefined : starts?.map((_, i) => i));
  if (axes === undefined) return [{ type, shape: shape.map(() => null) }];
  const steps = input(4) === UNKNOWN ? axes.map(() => 1) : input(4).elements;
  let sizes = shape;
  let part = elements;
  for (const [i, axis] of axes.entries()) {
    const at = typeof axis === "number" ? axisIn(shape, axis) : undefined;
    if (at === undefined) return [{ type, shape: shape.map(() => null) }];
    const [start, end, step] = [starts?.[i] ?? null, ends?.[i] ?? null, steps?.[i] ?? null];
    sizes = withSize(sizes, at, sliced(sizes[at]!, start, end, step));
    part =
      step === 1 && typeof start === "number" && typeof end === "number"
        ? part?.slice(start, end)
        : undefined;
  }
  return [{ type, shape: sizes, elements: shape.length === 1 ? part : undefined }];
}

/** Numbers that stand for "to the end". */
const FAR = 2 ** 31 - 1;

function sliced(size: Dim, start: Dim, end: Dim, step: Dim): Dim {
  if (start === null || end === null || typeof step !== "number" || step === 0) return null;
  if (typeof size === "number" && typeof start === "number" && typeof end === "number") {
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
    const clip = (at: number): number => Math.min(Math.max(at < 0 ? at + size : at, low), high);
    const stop = end <= -FAR && step < 0 ? -1 : clip(end);
    return Math.max(0, Math.ceil((stop - clip(start)) / step));
  }
  if (step !== 1) return null;
  // where a size has a name, the slice is taken to lie within it
  const fromEnd = (at: Dim): Dim => (typeof at === "number" && at < 0 ? plus(size, at) : at);
  const stop = typeof end === "number" && end >= FAR ? size : fromEnd(end);
  return start === 0 ? stop : minus(stop, fromEnd(start));
}

function gather({ input, int }: RuleContext): readonly Known[] {
  const [data, indices] = [input(0), input(1)];
  const axis = axisIn(data.shape, int("axis", 0));
  if (data.shape === undefined || axis === undefined)
    return [{ type: data.type, shape: undefined }];
  const shape = indices.shape && [
    ...data.shape.slice(0, axis),
    ...indices.shape,
    ...data.shape.slice(axis + 1),
  ];
  const { elements } = data;
  const picked =
    data.shape.length === 1 && (indices.shape?.length ?? 2) <= 1 && elements !== undefined
      ? indices.elements?.map((i) =>
          typeof i === "number" ? (elements[i < 0 ? i + elements.length : i] ?? null) : null,
        )
      : undefined;
  return [{ type: data.type, shape, elements: picked }];
}

function blocks({ type, shape }: Known, size: number, sign: 1 | -1): Known {
  if (shape?.length !== 4) return { type, shape: undefined };
  const [n, c, h, w] = shape as readonly [Dim, Dim, Dim, Dim];
  const square = size * size;
  return sign === 1
    ? { type, shape: [n, over(c, square), times(h, size), times(w, size)] }
    : { type, shape: [n, times(c, square), over(h, size), over(w, size)] };
}
