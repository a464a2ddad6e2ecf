// Operators that make tensors from what the file says.

import { tensor } from "../../tensor/ops/creation.ts";
import { full, ones } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { typeOf } from "../model.ts";
import { heldAs } from "./data.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import { knownNumbers, knownTensor } from "./known.ts";
import { integers } from "./shapes.ts";

/** A constant has one attribute: a tensor, or numbers of a kind that its name says. */
function constant(context: ImportContext): Tensor {
  const { attribute, floats, ints, refuse } = context;
  const whole = attribute("value");
  if (whole?.kind === "tensor") return context.constant(whole.value);
  const float = context.float("value_float", undefined);
  if (float !== undefined) return tensor(Float32Array.of(float), { shape: [] });
  const many = floats("value_floats");
  if (many !== undefined) return tensor(Float32Array.from(many));
  const int = context.int("value_int", undefined);
  if (int !== undefined) return integers([int], []);
  const list = ints("value_ints");
  if (list !== undefined) return integers(list);
  const isText = attribute("value_string") ?? attribute("value_strings");
  throw refuse(isText === undefined ? "lacks a value that is read here" : "holds texts");
}

function filled({ input, known, attribute, constant: read, refuse }: ImportContext): Tensor {
  const shape = known(0) ?? input(0).shape;
  if (shape.some((size) => size < 0)) throw refuse(`makes [${shape.join(", ")}]`);
  const given = attribute("value");
  if (given?.kind !== "tensor") return full(shape, 0);
  const value = read(given.value);
  return full(shape, knownNumbers(value)?.[0] ?? 0, value.dtype);
}

/** Numbers that a range may hold. */
const MOST_NUMBERS = 2 ** 20;

function range({ input, known, refuse }: ImportContext): Tensor {
  const [start, limit, step] = [0, 1, 2].map((i) => known(i)?.[0] ?? 1) as [number, number, number];
  const count = Math.max(0, Math.ceil((limit - start) / step));
  if (!(count <= MOST_NUMBERS)) throw refuse(`goes from ${start} to ${limit} in steps of ${step}`);
  const numbers = Array.from({ length: count }, (_, i) => start + i * step);
  return knownTensor(numbers, { shape: [count], dtype: input(0).dtype });
}

function eyeLike({ opType, input, int, refuse }: ImportContext): Tensor {
  const { shape, dtype } = input(0);
  if (shape.length !== 2) throw refuse(`makes a matrix of [${shape.join(", ")}]`);
  const to = int("dtype", undefined);
  const type = to === undefined ? undefined : (typeOf(to) ?? "string");
  const diagonal = int("k", 0);
  const eye = ones(shape).triu({ diagonal }).tril({ diagonal });
  return eye.cast(type === undefined ? dtype : heldAs(opType, type, "its output"));
}

function triangle({ input, int, known }: ImportContext): Tensor {
  const x = input(0);
  const diagonal = known(1)?.[0] ?? 0;
  const part = (y: Tensor): Tensor =>
    int("upper", 1) === 1 ? y.triu({ diagonal }) : y.tril({ diagonal });
  // kernels are there for numbers of 64 bits alone
  return x.dtype === "float32" || x.dtype === "bool" || x.dtype === "int64"
    ? part(x)
    : part(x.cast("int64")).cast(x.dtype);
}

export const making: ImportHandlers = {
  Constant: constant,
  ConstantOfShape: filled,
  Range: range,
  EyeLike: eyeLike,
  Trilu: triangle,
};
