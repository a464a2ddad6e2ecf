// Element types, and how values go from one to another.

import { PatchClampError } from "../../core/errors.ts";
import type { Sample } from "../op.ts";
import { defineOp, f32, i32 } from "../op.ts";
import type { DType } from "../tensor.ts";
import { apply, DTYPES, Tensor } from "../tensor.ts";

declare module "../tensor.ts" {
  interface Tensor {
    /** The same values in another type; floats are cut towards zero. */
    cast(dtype: DType): Tensor;
  }
}

interface CastAttrs {
  readonly dtype: DType;
}

const castOp = defineOp<CastAttrs>({
  name: "cast",
  infer: ([x], { dtype }) => [{ shape: x!.shape, dtype }],
  // between float types the gradient is cast back
  grad: ({ inputs: [x], cotangents: [g] }) => {
    const isFloat = x!.dtype === "float32" || x!.dtype === "float16";
    return [
      isFloat && (g!.dtype === "float32" || g!.dtype === "float16") ? g!.cast(x!.dtype) : null,
    ];
  },
  lower: ({ emit }, [x], { dtype }) => [emit("Cast", [x!], { to: ONNX_TYPE[dtype] })],
  sliceThrough: (axis) => [axis],
  reference: ([x], { dtype }) => [
    x!.data.map((v) => {
      if (dtype === "bool") return Number(v !== 0);
      return dtype === "float32" || dtype === "float16" ? v : Math.trunc(v);
    }),
  ],
  samples: [
    { inputs: [f32([4], { values: [-1.5, 0, 2.5, 1] })], attrs: { dtype: "int32" } },
    { inputs: [f32([3], { values: [0, 2, -1] })], attrs: { dtype: "bool" } },
    { inputs: [i32([3], { low: 0, high: 4 })], attrs: { dtype: "int64" } },
  ] satisfies Sample<CastAttrs>[],
});

/** ONNX's numbers for the element types. */
export const ONNX_TYPE = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
} as const;

Tensor.prototype.cast = function cast(this: Tensor, dtype: DType): Tensor {
  if (!DTYPES.includes(dtype)) {
    throw new PatchClampError("DTYPE_MISMATCH", {
      where: "cast",
      problem: `there is no type "${dtype as string}"; there are ${DTYPES.join(", ")}.`,
    });
  }
  return dtype === this.dtype ? this : apply(castOp, [this], { dtype });
};
