// Weights in few bits: whole numbers in blocks along the last axis, and one scale for every block. They lie as ONNX
// Runtime's `MatMulNBits` wants them: `packed` is uint8 [..., out, block, byte], where a byte holds one number of eight
// bits or two of four, the lower half first; `scales` is float32 [..., out, block]. Stored numbers are as far above the
// middle of their range (128 or 8) as the weight is above 0 in steps of its block's scale.
//
// A weight is the lazy tensor `dequantise(packed, scales)`, so whatever works on weights works on these. Before a graph
// runs, products and look-ups of them are replaced by ones that never make the whole (`packed-weights.ts`).

import { PatchClampError } from "../../core/errors.ts";
import type { LowerContext, NotDifferentiable, NumberArray, Op, ValueRef } from "../op.ts";
import { defineOp, f32, i32, showShape } from "../op.ts";
import type { SampleInput } from "../op.ts";
import type { Aval, Tensor } from "../tensor.ts";
import { apply, sizeOf } from "../tensor.ts";
import { ONNX_TYPE } from "./cast.ts";
import { inGroups } from "./grouped.ts";

/** How weights are packed. */
export interface PackedForm {
  /** Bits of a number. */
  readonly bits: 4 | 8;
  /** Numbers that share a scale: a power of two, at least 16. */
  readonly blockSize: number;
  /** Length of the last axis; the last block may reach beyond it. */
  readonly columns: number;
  /**
   * ONNX Runtime's accuracy level of products: 0 and 1 multiply float32, 4 rounds what is multiplied to 8 bits, block by block, in which
   * form its fastest kernel multiplies. Default 4.
   */
  readonly accuracy?: number;
}

function checkPacked(packed: Aval, scales: Aval, { bits, blockSize, columns }: PackedForm): void {
  const bytes = (blockSize * bits) / 8;
  const isFit =
    packed.dtype === "uint8" &&
    scales.dtype === "float32" &&
    scales.shape.at(-1) === Math.ceil(columns / blockSize) &&
    packed.shape.join() === [...scales.shape, bytes].join();
  if (isFit) return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where: "dequantise",
    problem: `${packed.dtype}${showShape(packed.shape)} with scales ${scales.dtype}${showShape(scales.shape)} are not ${columns} columns of ${bits} bits in blocks of ${blockSize}.`,
    fix: `give uint8 [..., ${Math.ceil(columns / blockSize)}, ${bytes}] and float32 [..., ${Math.ceil(columns / blockSize)}].`,
  });
}

/** The weights that packed numbers stand for, in plain loops. */
function unpacked(packed: NumberArray, scales: NumberArray, form: PackedForm): number[] {
  const { bits, blockSize, columns } = form;
  const blocks = scales.shape.at(-1)!;
  const codeOf = (at: number): number =>
    bits === 8 ? packed.data[at]! - 128 : ((packed.data[at >> 1]! >> (4 * (at % 2))) & 15) - 8;
  return Array.from({ length: (scales.data.length / blocks) * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const scale = scales.data[row * blocks + Math.floor(column / blockSize)]!;
    return codeOf(row * blocks * blockSize + column) * scale;
  });
}

const WHOLE: NotDifferentiable = {
  reason: "the packed numbers are whole; differentiate with respect to the weights they stand for",
};

/** What bytes of two numbers stand for: the lower half and the upper half, less 8. */
const PAIRS = Array.from({ length: 256 }, (_, byte) => [(byte & 15) - 8, (byte >> 4) - 8]).flat();

const bytes = (shape: readonly number[]): SampleInput => ({
  shape,
  dtype: "uint8",
  low: 0,
  high: 255,
});

const dequantiseOp: Op<PackedForm> = defineOp<PackedForm>({
  name: "dequantise",
  isStored: true,
  infer: ([packed, scales], form) => {
    checkPacked(packed!, scales!, form);
    return [{ shape: [...scales!.shape.slice(0, -1), form.columns], dtype: "float32" }];
  },
  grad: WHOLE,
  lower: ({ emit, constant, inputs }, [packed, scales], { bits, blockSize, columns }) => {
    const { shape } = inputs[1]!;
    const blocks = constant([...shape, blockSize], "int64");
    const codes =
      bits === 8
        ? emit("Sub", [
            emit("Cast", [packed!], { to: ONNX_TYPE.float32 }),
            constant(128, "float32"),
          ])
        : emit("Reshape", [
            emit("Gather", [
              constant(PAIRS, "float32", [256, 2]),
              emit("Cast", [packed!], { to: ONNX_TYPE.int32 }),
            ]),
            blocks,
          ]);
    const numbers = emit("Mul", [codes, emit("Unsqueeze", [scales!, constant([-1], "int64")])]);
    const width = shape.at(-1)! * blockSize;
    const rows = emit("Reshape", [numbers, constant([...shape.slice(0, -1), width], "int64")]);
    if (width === columns) return [rows];
    const ends = [[0], [columns], [-1]].map((end) => constant(end, "int64"));
    return [emit("Slice", [rows, ...ends])];
  },
  reference: ([packed, scales], form) => [unpacked(packed!, scales!, form)],
  sliceThrough: (axis, inputs, { shape }) =>
    axis === shape.length - 1 ? undefined : inputs.map(() => axis),
  samples: [
    {
      inputs: [bytes([3, 2, 8]), f32([3, 2])],
      attrs: { bits: 4, blockSize: 16, columns: 32 },
    },
    {
      inputs: [bytes([2, 2, 1, 16]), f32([2, 2, 1])],
      attrs: { bits: 8, blockSize: 16, columns: 5 },
    },
    {
      inputs: [bytes([2, 2, 16]), f32([2, 2])],
      attrs: { bits: 8, blockSize: 16, columns: 32 },
    },
  ],
});

/**
 * The weights that packed numbers stand for.
 *
 * @param packed - uint8, [..., out, block, byte]
 * @param scales - float32, [..., out, block]
 * @returns float32, [..., out, columns]
 * @throws PatchClampError `SHAPE_MISMATCH` when the two do not fit each other
 */
export function dequantise(packed: Tensor, scales: Tensor, form: PackedForm): Tensor {
  return apply(dequantiseOp, [packed, scales], form);
}

/** What a weight is stored as; undefined for one that is not packed. */
export function packedParts(
  weight: Tensor,
): { readonly packed: Tensor; readonly scales: Tensor; readonly form: PackedForm } | undefined {
  const { op, inputs, attrs } = weight.node;
  if (op.name !== dequantiseOp.name) return undefined;
  return { packed: inputs[0]!, scales: inputs[1]!, form: attrs as PackedForm };
}

const REWRITTEN: NotDifferentiable = {
  reason: "it is what a linear map of packed weights becomes when it runs",
};

/** One product. */
function product(
  { emit }: LowerContext,
  [x, packed, scales, bias]: readonly (ValueRef | null)[],
  { rows, form }: { readonly rows: number; readonly form: PackedForm },
): ValueRef {
  const { bits, blockSize, columns, accuracy = 4 } = form;
  const inputs = [x!, packed!, scales!, ...(bias === null ? [] : [null, null, bias!])];
  return emit("com.microsoft.MatMulNBits", inputs, {
    K: columns,
    N: rows,
    bits,
    block_size: blockSize,
    accuracy_level: accuracy,
  });
}

function inferLinear(x: Aval, [packed, scales]: readonly Aval[], form: PackedForm): Aval {
  checkPacked(packed!, scales!, form);
  return { shape: [...x.shape.slice(0, -1), packed!.shape[0]!], dtype: "float32" };
}

const packedLinearOp: Op<PackedForm> = defineOp<PackedForm>({
  name: "packedLinear",
  infer: ([x, ...weights], form) => [inferLinear(x!, weights, form)],
  grad: REWRITTEN,
  bakes: () => [1, 2],
  lower: (context, [x, packed, scales, bias], form) => {
    const { emit, reshape, inputs, outputs, device } = context;
    const [from, to] = [inputs[0]!.shape, outputs[0]!.shape];
    const rows = to.at(-1)!;
    const matrix = from.length > 1 ? x! : reshape(x!, from, [1, form.columns]);
    // only the CPU's kernel adds it
    const fused = device === "cpu" || device === "wasm" ? (bias ?? null) : null;
    const made = product(context, [matrix, packed!, scales!, fused], { rows, form });
    const y = bias === undefined || fused !== null ? made : emit("Add", [made, bias]);
    return [from.length > 1 ? y : reshape(y, [1, rows], to)];
  },
  reference: ([x, packed, scales, bias], form) => {
    const weights = unpacked(packed!, scales!, form);
    const count = x!.data.length / form.columns;
    return [Array.from({ length: count }, (_, row) => mapped(x!, row, weights, bias, form)).flat()];
  },
  flops: ([x], [y]) => 2 * sizeOf(y!.shape) * x!.shape.at(-1)!,
  // whole numbers of which one is 127: eight bits hold them as they are
  samples: [
    {
      inputs: [wholes([2, 32]), bytes([3, 2, 8]), f32([3, 2])],
      attrs: { bits: 4, blockSize: 16, columns: 32 },
    },
    {
      inputs: [wholes([1, 2, 16]), bytes([3, 1, 16]), f32([3, 1]), f32([3])],
      attrs: { bits: 8, blockSize: 16, columns: 16 },
    },
    {
      inputs: [wholes([16]), bytes([3, 1, 16]), f32([3, 1])],
      attrs: { bits: 8, blockSize: 16, columns: 16 },
    },
  ],
});

/** One row times weights [out, columns], plus a bias. */
function mapped(
  { data }: NumberArray,
  row: number,
  weights: readonly number[],
  bias: NumberArray | undefined,
  { columns }: PackedForm,
): number[] {
  return Array.from({ length: weights.length / columns }, (_, out) => {
    let sum = bias?.data[out] ?? 0;
    for (let k = 0; k < columns; k++) sum += data[row * columns + k]! * weights[out * columns + k]!;
    return sum;
  });
}

function wholes(shape: readonly number[]): SampleInput {
  const values = Array.from({ length: sizeOf(shape) }, (_, i) =>
    i % 16 ? ((i * 37) % 41) - 20 : 127,
  );
  return f32(shape, { values });
}

interface GroupedForm extends PackedForm {
  readonly groups: number;
}

const packedGroupedOp: Op<GroupedForm> = defineOp<GroupedForm>({
  name: "packedGrouped",
  infer: ([x, , ...params], form) => [inferLinear(x!, [params[0]!, params[form.groups]!], form)],
  grad: REWRITTEN,
  bakes: ({ groups }) => Array.from({ length: 2 * groups }, (_, i) => 2 + i),
  lower: (context, [x, counts, ...params], form) => {
    const { emit, reshape, outputs } = context;
    const { groups } = form;
    const { shape } = outputs[0]!;
    const parts = inGroups(context, [x!, counts!], { of: 0, groups }).map((own, i) => {
      const weights = [own, params[i]!, params[groups + i]!, null];
      const y = product(context, weights, { rows: shape[1]!, form });
      const bias = params[2 * groups + i];
      return bias === undefined ? y : emit("Add", [y, bias]);
    });
    return [reshape(emit("Concat", parts, { axis: 0 }), shape, shape)];
  },
  reference: ([x, counts, ...params], { groups, ...form }) => {
    const groupOf = counts!.data.flatMap((count, group) => Array<number>(count).fill(group));
    const y = groupOf.map((group, row) => {
      const weights = unpacked(params[group]!, params[groups + group]!, form);
      return mapped(x!, row, weights, params[2 * groups + group], form);
    });
    return [y.flat()];
  },
  flops: ([x], [y]) => 2 * sizeOf(y!.shape) * x!.shape[1]!,
  samples: [
    {
      inputs: [
        wholes([3, 16]),
        i32([3], { values: [2, 0, 1] }),
        ...Array.from({ length: 3 }, () => bytes([4, 1, 8])),
        ...Array.from({ length: 3 }, () => f32([4, 1])),
      ],
      attrs: { bits: 4, blockSize: 16, columns: 16, groups: 3 },
    },
  ],
});

/** `linear(x, dequantise(packed, scales), bias)` that never makes the weights. */
export function packedLinear(
  [x, packed, scales, bias]: readonly [Tensor, Tensor, Tensor, Tensor?],
  form: PackedForm,
): Tensor {
  const inputs = bias === undefined ? [x, packed, scales] : [x, packed, scales, bias];
  return apply(packedLinearOp, inputs, form);
}

/** `groupedLinear` of packed weights, which are all of one form. */
export function packedGrouped(
  [x, counts]: readonly [Tensor, Tensor],
  params: {
    readonly packed: readonly Tensor[];
    readonly scales: readonly Tensor[];
    readonly biases: readonly Tensor[];
  },
  form: PackedForm,
): Tensor {
  const { packed, scales, biases } = params;
  const attrs = { ...form, groups: packed.length };
  return apply(packedGroupedOp, [x, counts, ...packed, ...scales, ...biases], attrs);
}
