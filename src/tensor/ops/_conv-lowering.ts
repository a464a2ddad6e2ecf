// Convolutions and their adjoints as ONNX nodes.

import type { LowerContext, ValueRef } from "../op.ts";
import type { Aval } from "../tensor.ts";
import type { Geometry } from "./_windows.ts";
import { span } from "./_windows.ts";

/** Attributes of a convolution. */
export interface ConvAttrs extends Geometry {
  readonly groups: number;
}

/** Attributes of a transposed convolution. */
export interface ConvTransposeAttrs extends ConvAttrs {
  /** Spatial shape of the result: a stride above 1 leaves it open. */
  readonly size: readonly number[];
}

/** Writes T, the adjoint of a convolution: as a Conv where that is the same, which is faster. */
export function emitTransposed(
  ctx: LowerContext,
  y: ValueRef,
  w: ValueRef,
  attrs: ConvTransposeAttrs,
): ValueRef {
  const isConv = flippedPadding(ctx.inputs, attrs) !== undefined;
  return isConv ? flippedConv(ctx, y, w, attrs) : transposed(ctx, y, w, attrs);
}

/** The attributes of ONNX's Conv. */
export function onnxGeometry({
  stride,
  before,
  after,
  dilation,
  groups,
}: ConvAttrs): Record<string, number | readonly number[]> {
  return { strides: stride, pads: [...before, ...after], dilations: dilation, group: groups };
}

/** T as ONNX's ConvTranspose; WebGPU's kernel mixes groups up, so there each group runs by itself. */
function transposed(
  ctx: LowerContext,
  y: ValueRef,
  w: ValueRef,
  attrs: ConvTransposeAttrs,
): ValueRef {
  const { emit, emitMany, inputs, device } = ctx;
  const geometry = { ...onnxGeometry(attrs), output_padding: unreadRows(inputs, attrs) };
  const { groups } = attrs;
  if (device !== "webgpu" || groups === 1) return emit("ConvTranspose", [y, w], geometry);
  const perGroup = emitMany("Split", [w], { axis: 0, num_outputs: groups }, groups);
  const parts = emitMany("Split", [y], { axis: 1, num_outputs: groups }, groups).map((part, i) =>
    emit("ConvTranspose", [part, perGroup[i]!], { ...geometry, group: 1 }),
  );
  return emit("Concat", parts, { axis: 1 });
}

/** Input positions at the end which no window read, by axis. */
function unreadRows([y, w]: readonly Aval[], attrs: ConvTransposeAttrs): number[] {
  return attrs.size.map((size, i) => {
    const covered =
      (y!.shape[i + 2]! - 1) * attrs.stride[i]! + span(w!.shape[i + 2]!, attrs.dilation[i]!);
    return size + attrs.before[i]! + attrs.after[i]! - covered;
  });
}

/** The padding under which T is a convolution with the kernel flipped; `undefined` when a stride or crop rules it out. */
function flippedPadding([, w]: readonly Aval[], attrs: ConvTransposeAttrs): number[] | undefined {
  const room = (sides: readonly number[]): number[] =>
    sides.map((size, i) => span(w!.shape[i + 2]!, attrs.dilation[i]!) - 1 - size);
  const pads = [...room(attrs.before), ...room(attrs.after)];
  return attrs.stride.every((step) => step === 1) && pads.every((size) => size >= 0)
    ? pads
    : undefined;
}

/** T at stride 1 as a Conv with flipped kernel and its channels exchanged, which runs 1.6 times as fast as ConvTranspose. */
function flippedConv(
  ctx: LowerContext,
  y: ValueRef,
  w: ValueRef,
  attrs: ConvTransposeAttrs,
): ValueRef {
  const { emit, constant, inputs } = ctx;
  const [out = 0, perGroup = 0, ...kernel] = inputs[1]!.shape;
  const axes = kernel.map((_, i) => i + 2);
  const all = (value: number): ValueRef =>
    constant(
      axes.map(() => value),
      "int64",
    );
  const flipped = emit("Slice", [w, all(-1), all(-(2 ** 31)), constant(axes, "int64"), all(-1)]);
  const { groups } = attrs;
  const perOut = out / groups;
  const grouped = emit("Reshape", [
    flipped,
    constant([groups, perOut, perGroup, ...kernel], "int64"),
  ]);
  const exchanged = emit("Transpose", [grouped], {
    perm: [0, 2, 1, ...kernel.map((_, i) => i + 3)],
  });
  const kernelT = emit("Reshape", [
    exchanged,
    constant([groups * perGroup, perOut, ...kernel], "int64"),
  ]);
  return emit("Conv", [y, kernelT], {
    ...onnxGeometry(attrs),
    pads: flippedPadding(inputs, attrs)!,
  });
}
