// Types and shapes of what is computed element by element.

import type { OnnxType } from "../../model.ts";
import { typeOf } from "../../model.ts";
import type { Dim } from "./dim.ts";
import { broadcast, minus, over, plus, times } from "./dim.ts";
import type { Known, Rule, RuleContext, Rules } from "./rule.ts";
import { UNKNOWN, likeFirst } from "./rule.ts";

/** Those whose output has the type and sizes of the first input. */
const LIKE_FIRST = `
  Abs Acos Acosh Asin Asinh Atan Atanh BatchNormalization BitwiseNot Ceil Celu Clip Cos Cosh CumSum Elu Erf Exp Floor Gelu
  GroupNormalization HardSigmoid HardSwish Hardmax InstanceNormalization LRN LeakyRelu Log LogSoftmax LpNormalization
  MeanVarianceNormalization Mish Neg PRelu RMSNormalization Reciprocal Relu ReverseSequence RotaryEmbedding Round Scatter
  ScatterElements ScatterND Selu Shrink Sigmoid Sign SimplifiedLayerNormalization Sin Sinh Softmax Softplus Softsign Sqrt Swish
  Tan Tanh TensorScatter ThresholdedRelu Trilu
  com.microsoft.BiasGelu com.microsoft.FastGelu com.microsoft.Gelu com.microsoft.QuickGelu com.microsoft.RotaryEmbedding
  com.microsoft.BiasSoftmax com.microsoft.QLinearSigmoid com.microsoft.QLinearLeakyRelu com.microsoft.QLinearSoftmax
`;

const BROADCAST =
  "Add Sub Mul Div Pow Mod Max Min Sum Mean BitShift BitwiseAnd BitwiseOr BitwiseXor";
const CONDITIONS = "And Or Xor Equal Greater GreaterOrEqual Less LessOrEqual";

const ARITHMETIC: Readonly<Record<string, (a: Dim, b: Dim) => Dim>> = {
  Add: plus,
  Sub: minus,
  Mul: times,
  // whole numbers are divided towards 0
  Div: (a, b) =>
    typeof a === "number" && typeof b === "number" && b !== 0 ? Math.trunc(a / b) : over(a, b),
};

export const elementwiseRules: Rules = {
  ...each(LIKE_FIRST, likeFirst()),
  ...each(CONDITIONS, ({ input, inputCount }) => [
    { type: "bool", shape: broadcastOf(inputs(input, inputCount)) },
  ]),
  ...Object.fromEntries(names(BROADCAST).map((name) => [name, broadcasting(ARITHMETIC[name])])),
  Not: likeFirst("bool"),
  IsNaN: likeFirst("bool"),
  IsInf: likeFirst("bool"),
  Identity: ({ input }) => [input(0)],
  Dropout: ({ input }) => [like(input(0)), { type: "bool", shape: input(0).shape }],
  Where: ({ input }) => [
    { type: input(1).type ?? input(2).type, shape: broadcastOf(inputs(input, 3)) },
  ],
  Cast: ({ input, int }) => [
    {
      ...input(0),
      type: typeOf(int("to", 0)),
      elements: elementsAs(input(0), typeOf(int("to", 0))),
    },
  ],
  CastLike: ({ input }) => [{ type: input(1).type, shape: input(0).shape }],
  QuantizeLinear: ({ input, int }) => [
    {
      type: input(2).type ?? typeOf(int("output_dtype", 0)) ?? "uint8",
      shape: input(0).shape,
    },
  ],
  DequantizeLinear: likeType(1),
  "com.microsoft.QuantizeLinear": likeType(2),
  "com.microsoft.DequantizeLinear": likeType(1),
  DynamicQuantizeLinear: ({ input }) => [
    { type: "uint8", shape: input(0).shape },
    { type: "float32", shape: [] },
    { type: "uint8", shape: [] },
  ],
  "com.microsoft.QLinearAdd": pair(0, 3),
  "com.microsoft.QLinearMul": pair(0, 3),
};

function names(list: string): string[] {
  return list.trim().split(/\s+/);
}

function each(list: string, rule: Rule): Rules {
  return Object.fromEntries(names(list).map((name) => [name, rule]));
}

function like({ type, shape }: Known): Known {
  return { type, shape };
}

function inputs(input: RuleContext["input"], count: number): Known[] {
  return Array.from({ length: count }, (_, i) => input(i));
}

function broadcastOf(values: readonly Known[]): Known["shape"] {
  return values.reduce<Known["shape"]>(
    (all, { shape }) =>
      all === undefined || shape === undefined ? undefined : broadcast(all, shape),
    [],
  );
}

function broadcasting(compute?: (a: Dim, b: Dim) => Dim): Rule {
  return ({ input, inputCount }) => {
    const values = inputs(input, inputCount);
    const type = values.find((value) => value.type !== undefined)?.type;
    const shape = broadcastOf(values);
    return [{ type, shape, elements: compute && computed(compute, input(0), input(1)) }];
  };
}

/** Element by element, where one is as long as the other or single. */
function computed(
  compute: (a: Dim, b: Dim) => Dim,
  { elements: a }: Known,
  { elements: b }: Known,
): readonly Dim[] | undefined {
  if (a === undefined || b === undefined) return undefined;
  const length = Math.max(a.length, b.length);
  if ([a, b].some((list) => list.length !== length && list.length !== 1)) return undefined;
  return Array.from({ length }, (_, i) =>
    compute(a[a.length === 1 ? 0 : i]!, b[b.length === 1 ? 0 : i]!),
  );
}

function elementsAs({ elements }: Known, type: OnnxType | undefined): Known["elements"] {
  // shapes pass through floats on their way: a half of a size, rounded
  return type === "int64" || type === "int32" ? elements : undefined;
}

function likeType(i: number): Rule {
  return ({ input }) => [{ type: input(i).type, shape: input(0).shape }];
}

function pair(a: number, b: number): Rule {
  return ({ input }) => {
    if (input(a).shape === undefined && input(b).shape === undefined) return [UNKNOWN];
    return [{ type: input(a).type, shape: broadcastOf([input(a), input(b)]) }];
  };
}
