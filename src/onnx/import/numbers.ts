// Element-wise operators whose rule depends on the type of the numbers.

import { customGradient } from "../../tensor/control.ts";
import { broadcastShapes } from "../../tensor/op.ts";
import type { DType, Tensor } from "../../tensor/tensor.ts";
import { bitsOf, typeOf } from "../model.ts";
import { heldAs, typeInFile } from "./data.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import { knownNumbers } from "./known.ts";
import { before, isRounded, withGradientOf } from "./rounding.ts";

function pow({ input, asItIs }: ImportContext): Tensor | readonly Tensor[] {
  const [x, y] = [input(0), input(1)];
  const shape = broadcastShapes("Pow", x.shape, y.shape);
  const raised = (base: Tensor, exponent: Tensor): Tensor =>
    asItIs([{ shape, dtype: base.dtype }], { inputs: [base, exponent] })[0]!;
  if (x.dtype !== "float32") return raised(x, y);
  // a known exponent has a simpler form
  const exponent = y.size === 1 && y.rank <= x.rank ? knownNumbers(y)?.[0] : undefined;
  if (exponent !== undefined) return x.pow(exponent);
  return customGradient(raised, ({ inputs, output, cotangent: g }) => {
    const [base, power] = inputs as [Tensor, Tensor];
    const dBase = g.mul(power).mul(raised(base, power.sub(1)));
    // the logarithm of what is not above 0 has none of these slopes
    const dPower = base.greater(0).where(g.mul(output).mul(base.maximum(TINY).log()), 0);
    return [dBase.sumTo(base.shape), dPower.sumTo(power.shape)];
  })(x, y.cast("float32"));
}

/** The smallest number above 0 of which float32 holds all digits. */
const TINY = 2 ** -126;

/** What division leaves: of the sign of the divisor, or by `fmod` of the dividend. */
function mod({ input, int, asItIs }: ImportContext): Tensor {
  const [x, y] = [input(0), input(1)];
  const isWhole = x.dtype === "int32" || x.dtype === "int64";
  const shape = broadcastShapes("Mod", x.shape, y.shape);
  const keepsSign = int("fmod", 0) === 1;
  if (!isWhole && (keepsSign || x.dtype !== "float32"))
    return asItIs([{ shape, dtype: x.dtype }])[0]!;
  const left = isWhole
    ? x.sub(x.div(y).mul(y))
    : asItIs([{ shape, dtype: x.dtype }], { attributes: { fmod: 1 } })[0]!;
  if (keepsSign) return left;
  const isOdd = left.notEqual(0).and(left.less(0).cast("int32").notEqual(y.less(0).cast("int32")));
  return isOdd.where(left.add(y), left);
}

/** Kernels of some types are there for few sizes of numbers. */
function shifted({ input, asItIs, refuse }: ImportContext): readonly Tensor[] {
  const [x, y] = [input(0), input(1)];
  if (x.dtype !== "uint8") throw refuse(`shifts ${x.dtype}, where ONNX Runtime shifts uint8 alone`);
  return asItIs([{ shape: broadcastShapes("BitShift", x.shape, y.shape), dtype: x.dtype }]);
}

/** Numbers without a sign are held in wider ones, in which other bits turn. */
function turned({ input, asItIs, refuse }: ImportContext): readonly Tensor[] {
  const x = input(0);
  if (x.dtype !== "uint8" && x.dtype !== "int8")
    throw refuse("turns the bits of numbers of more than 8 bits");
  return asItIs([x]);
}

const NUMBERS: readonly DType[] = ["float32", "int32", "int64"];

function clip(context: ImportContext): Tensor | readonly Tensor[] {
  const x = context.input(0);
  if (!NUMBERS.includes(x.dtype)) return context.asItIs([x]);
  const bound = (i: number, name: string): Tensor | number | undefined => {
    if (context.opset < 11) return context.float(name, undefined);
    const given = context.inputs[i];
    return given && (knownNumbers(given)?.[0] ?? given);
  };
  const [min, max] = [bound(1, "min"), bound(2, "max")];
  const isRange = typeof min !== "object" && typeof max !== "object";
  if (isRange && (min ?? -Infinity) <= (max ?? Infinity))
    return x.clip({ ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) });
  const above = min === undefined ? x : x.maximum(min);
  return max === undefined ? above : above.minimum(max);
}

function where({ input }: ImportContext): Tensor {
  const [condition, x, y] = [input(0), input(1), input(2)];
  // there are no kernels for these
  const isMissing = x.dtype === "int8" || x.dtype === "bool";
  return isMissing
    ? condition.where(x.cast("int32"), y.cast("int32")).cast(x.dtype)
    : condition.where(x, y);
}

function cast(context: ImportContext): Tensor {
  const { opType, input, int, refuse } = context;
  const type = typeOf(int("to", 1));
  if (type === undefined || bitsOf(type) < 8 || type.startsWith("float8"))
    throw refuse(`makes ${type ?? "an unknown type"} of its input`);
  const [x, dtype] = [input(0), heldAs(opType, type, "its output")];
  const y = x.cast(dtype);
  return dtype === "float32" && isRounded(x) ? withGradientOf(y, before(context, x)) : y;
}

/** Types of few bits are held in wider ones, which let more through. */
function castLike({ input, refuse }: ImportContext): Tensor {
  const [x, like] = [input(0), input(1)];
  const type = typeInFile(like);
  if (type !== undefined && bitsOf(type) < 8) throw refuse(`makes ${type} of its input`);
  return x.cast(like.dtype);
}

export const numbers: ImportHandlers = {
  Pow: pow,
  Mod: mod,
  BitShift: shifted,
  BitwiseNot: turned,
  Clip: clip,
  Where: where,
  Cast: cast,
  CastLike: castLike,
};
