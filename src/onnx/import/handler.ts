// What the import of one operator is given, and what it gives back.

import type { Aval, Tensor } from "../../tensor/tensor.ts";
import type { OnnxAttribute, OnnxGraph, OnnxTensor } from "../model.ts";
import type { ForeignForm } from "./foreign.ts";

/** One node of an ONNX graph, while it is run through traced tensors. Its methods throw `PatchClampError`s that name the node. */
export interface ImportContext {
  readonly opType: string;
  /** Version of the operator set of the node's domain. */
  readonly opset: number;
  /** Of the node, with `undefined` for those left out. */
  readonly inputs: readonly (Tensor | undefined)[];
  /** How many outputs the node has; a handler may give more, and must not give fewer than are named. */
  readonly outputCount: number;
  /** Whether output `i` is named. */
  readonly hasOutput: (i: number) => boolean;
  /** An input that the operator cannot do without. */
  readonly input: (i: number) => Tensor;
  /** The numbers of an input where they must be known before the graph runs, such as a shape; undefined where it is left out. */
  readonly known: (i: number) => readonly number[] | undefined;
  /** An attribute, or what it is by default. Types that do not fit are refused. */
  readonly int: <D extends number | undefined>(name: string, otherwise: D) => number | D;
  readonly float: <D extends number | undefined>(name: string, otherwise: D) => number | D;
  readonly text: <D extends string | undefined>(name: string, otherwise: D) => string | D;
  readonly ints: (name: string) => readonly number[] | undefined;
  readonly floats: (name: string) => readonly number[] | undefined;
  readonly attribute: (name: string) => OnnxAttribute | undefined;
  /** Data in the file as a tensor. */
  readonly constant: (data: OnnxTensor) => Tensor;
  /** Runs the body of a node, which also sees the values around it. */
  readonly body: (graph: OnnxGraph, inputs: readonly Tensor[]) => readonly Tensor[];
  /**
   * Names a value within the node and returns the value to go on with: `label` follows the name of the node's first output, as in
   * `layer0_out/pattern`.
   */
  readonly name: (label: string, x: Tensor) => Tensor;
  /**
   * The node as it stands, for operators that have no counterpart among the traced ones: ONNX Runtime computes it, and no gradient
   * flows through it.
   *
   * @param outputs - shapes and types of what it gives
   * @param form - what differs from the file, such as an input that older operator sets have as an attribute
   */
  readonly asItIs: (outputs: readonly Aval[], form?: ForeignForm) => readonly Tensor[];
  /** The error that this node has something which is not supported. */
  readonly refuse: (problem: string) => Error;
}

/** Runs one operator: traced tensors in, traced tensors out, in the operator's order. */
export type ImportHandler = (context: ImportContext) => Tensor | readonly Tensor[];

/** Handlers by operator; those of other domains than ONNX's own with their domain, as in `com.microsoft.FastGelu`. */
export type ImportHandlers = Readonly<Record<string, ImportHandler>>;
