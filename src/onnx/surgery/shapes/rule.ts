// What a rule is told of a node, and what it says of the node's outputs.

import type { OnnxAttribute, OnnxType } from "../../model.ts";
import type { Dim, Shape } from "./dim.ts";

/** What is known of a value. */
export interface Known {
  readonly type: OnnxType | undefined;
  readonly shape: Shape | undefined;
  /** Of short lists of whole numbers, such as shapes: each, where it is known. */
  readonly elements?: readonly Dim[] | undefined;
}

/** A node whose outputs' types and shapes are to be found. Whatever is not known is undefined. */
export interface RuleContext {
  /** A left-out input is a value of which nothing is known. */
  readonly input: (i: number) => Known;
  readonly inputCount: number;
  readonly outputCount: number;
  readonly attribute: (name: string) => OnnxAttribute | undefined;
  readonly int: <D extends number | undefined>(name: string, otherwise: D) => number | D;
  readonly ints: (name: string) => readonly number[] | undefined;
  readonly text: (name: string) => string | undefined;
}

/** Says what is known of a node's outputs, in their order. It knows no wrong input: of what does not fit, nothing is known. */
export type Rule = (context: RuleContext) => readonly Known[];

/** Rules by operator; those of other domains than ONNX's own with their domain. */
export type Rules = Readonly<Record<string, Rule>>;

/** Nothing is known. */
export const UNKNOWN: Known = { type: undefined, shape: undefined };

/** An axis counted from 0, or undefined where the shape has none such. */
export function axisIn(shape: Shape | undefined, axis: number | undefined): number | undefined {
  if (shape === undefined || axis === undefined) return undefined;
  const from0 = axis < 0 ? axis + shape.length : axis;
  return from0 >= 0 && from0 < shape.length ? from0 : undefined;
}

/** Every size with its place replaced. */
export function withSize(shape: Shape, axis: number, size: Dim): Shape {
  return shape.map((old, i) => (i === axis ? size : old));
}

/** Whole numbers that an input or, in older versions, an attribute gives. */
export function intsOf(
  { ints, input }: RuleContext,
  name: string,
  i: number,
): readonly number[] | undefined {
  const given = ints(name);
  if (given !== undefined) return given;
  const elements = input(i).elements;
  return elements?.every((element) => typeof element === "number") ? elements : undefined;
}

/** Of this type, with the sizes of the first input. */
export function likeFirst(type?: OnnxType): Rule {
  return ({ input }) => [{ type: type ?? input(0).type, shape: input(0).shape }];
}
