// Numbers that a value is made of: float32 with a shape, as files hold them; JSON writes them as nested lists.

import { z } from "zod";

import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/tensor.ts";

/** Finite float32 numbers in row-major order. Not to be changed. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What stands for numbers where a value is written by hand: nested lists, one typed array, or an array with its shape. */
export type NumbersInput =
  | Numbers
  | Float32Array
  | readonly number[]
  | readonly (readonly number[])[]
  | readonly (readonly (readonly number[])[])[];

/** What numbers must be. */
export interface NumbersForm {
  /** Least and most axes. Default: 1 and 3. */
  readonly rank?: readonly [least: number, most: number];
  /** Whether every row of the last axis must have a length. Default: it need not. */
  readonly hasDirection?: boolean;
  /** Whether there must be as many rows as columns. Default: it need not. */
  readonly isSquare?: boolean;
}

/**
 * The schema of numbers: takes every form of `NumbersInput` and gives `Numbers`, finite and of the form asked for.
 *
 * Its problems are the end of a sentence: "`vector` holds NaN".
 */
export function numbers(form: NumbersForm = {}): z.ZodType<Numbers, NumbersInput> {
  return z
    .custom<NumbersInput>()
    .meta(IN_JSON)
    .transform((given, context) => {
      const read = readNumbers(given);
      const problem = typeof read === "string" ? read : formProblem(read, form);
      if (problem === undefined && typeof read !== "string") return read;
      context.addIssue({ code: "custom", message: problem ?? "" });
      return z.NEVER;
    });
}

/** What a JSON Schema says of numbers; its writer cannot look into `readNumbers`. */
const IN_JSON = { type: "array", description: "numbers, in lists as deep as they have axes" };

/** Whether this is an array with its shape. */
export function isNumbers(given: unknown): given is Numbers {
  if (typeof given !== "object" || given === null) return false;
  const { shape, data } = given as Partial<Numbers>;
  return data instanceof Float32Array && Array.isArray(shape) && Object.keys(given).length === 2;
}

/** The numbers as a leaf that graphs take as an input. */
export function leafOf({ shape, data }: Numbers, name?: string): Tensor {
  return fromHost(data, { shape, dtype: "float32" }, name);
}

/** The numbers, or what is wrong with them. */
function readNumbers(given: unknown): Numbers | string {
  if (given === undefined) return "is missing";
  if (given instanceof Float32Array) return { shape: [given.length], data: given };
  if (isNumbers(given)) {
    const isShape = given.shape.every((size) => Number.isSafeInteger(size) && size >= 0);
    if (isShape && sizeOf(given.shape) === given.data.length) return given;
    return `has ${given.data.length} numbers, which do not fill the shape [${given.shape.join(", ")}]`;
  }
  if (!Array.isArray(given)) return "is not a list of numbers";
  const shape: number[] = [];
  for (let first: unknown = given; Array.isArray(first); first = first[0]) shape.push(first.length);
  // not by the product of the shape, which is not to be believed before every row was seen
  const flat: number[] = [];
  const isFilled = (part: unknown, axis: number): boolean => {
    if (axis < shape.length) {
      return (
        Array.isArray(part) &&
        part.length === shape[axis] &&
        part.every((inner) => isFilled(inner, axis + 1))
      );
    }
    if (typeof part !== "number") return false;
    flat.push(part);
    return true;
  };
  return isFilled(given, 0)
    ? { shape, data: Float32Array.from(flat) }
    : "is not a list of numbers, or has rows of unequal length";
}

function formProblem({ shape, data }: Numbers, form: NumbersForm): string | undefined {
  const { rank: [least, most] = [1, 3], hasDirection = false, isSquare = false } = form;
  if (shape.length < least || shape.length > most) {
    const axes = least === most ? `${least}` : `${least} to ${most}`;
    return `has the shape [${shape.join(", ")}], not ${axes} axes`;
  }
  if (data.length === 0) return "is empty";
  const odd = data.find((x) => !Number.isFinite(x));
  if (odd !== undefined) return `holds ${odd}`;
  if (isSquare && shape.at(-1) !== shape.at(-2)) {
    return `has the shape [${shape.join(", ")}], not as many rows as columns`;
  }
  const width = shape.at(-1)!;
  const isZero = (_: unknown, row: number): boolean =>
    data.subarray(row * width, (row + 1) * width).every((x) => x === 0);
  if (hasDirection && Array.from({ length: data.length / width }).some(isZero)) {
    return "holds nothing but zeros, which point nowhere";
  }
  return undefined;
}
