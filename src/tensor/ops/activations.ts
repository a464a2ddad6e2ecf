// Activation functions that ONNX has as one node, or that a network calls by one name.

import { PatchClampError } from "../../core/errors.ts";
import { defineOp, f32, sameDType } from "../op.ts";
import { apply, Tensor } from "../tensor.ts";

declare module "../tensor.ts" {
  interface Tensor {
    /** x Φ(x): exact, or by its tanh approximation. */
    gelu(options?: GeluOptions): Tensor;
    /** x sigmoid(x), also called swish. */
    silu(): Tensor;
  }
}

/** Options of `gelu`. */
export interface GeluOptions {
  /** `none` is x Φ(x) through erf; `tanh` is GPT-2's approximation. Default `none`. */
  approximate?: "none" | "tanh";
}

const ROOT_2_PI = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

// (1 + tanh(u)) / 2 = sigmoid(2 u), so the tanh form is x sigmoid(2 u). It gives the sigmoid out beside y, and the
// backward pass reads both: 13 passes over the tensor instead of the 20 that the formula with tanh takes.
const geluTanhOp = defineOp({
  name: "geluTanh",
  infer: ([x]) => {
    const aval = { shape: x!.shape, dtype: sameDType("gelu", [x!], ["float32"]) };
    return [aval, aval];
  },
  // v = 2 sqrt(2/pi) (x + 0.044715 x^3), s = sigmoid(v), y = x s
  // dv = 2 sqrt(2/pi) (1 + 3 * 0.044715 x^2);  dy/dx = s + (y - y s) dv;  ds/dx = (s - s^2) dv
  grad: ({ inputs: [x], outputs: [y, s], cotangents: [g, gs] }) => {
    const dv = x!
      .square()
      .mul(6 * CUBIC * ROOT_2_PI)
      .add(2 * ROOT_2_PI);
    const dy = g === null ? null : g!.mul(y!.sub(y!.mul(s!)).mul(dv).add(s!));
    const ds = gs === null ? null : gs!.mul(s!.sub(s!.square())).mul(dv);
    return [dy === null ? ds : ds === null ? dy : dy.add(ds)];
  },
  lower: ({ emit, constant, isRead, device }, [x]) => {
    // without a backward pass one node does
    if (!isRead(1) && (device === "cpu" || device === "wasm")) {
      const y = emit("Gelu", [x!], { approximate: "tanh" });
      return [y, y];
    }
    const c = (value: number): ReturnType<typeof constant> => constant(value, "float32");
    const inner = emit("Add", [
      emit("Mul", [emit("Mul", [x!, x!]), c(2 * CUBIC * ROOT_2_PI)]),
      c(2 * ROOT_2_PI),
    ]);
    const s = emit("Sigmoid", [emit("Mul", [x!, inner])]);
    return [emit("Mul", [x!, s]), s];
  },
  reference: ([x]) => {
    const s = x!.data.map((v) => 1 / (1 + Math.exp(-2 * ROOT_2_PI * (v + CUBIC * v ** 3))));
    return [x!.data.map((v, i) => v * s[i]!), s];
  },
  samples: [{ inputs: [f32([2, 3], { low: -3, high: 3 })], attrs: {} }],
});

const geluOp = defineOp({
  name: "gelu",
  infer: ([x]) => [{ shape: x!.shape, dtype: sameDType("gelu", [x!], ["float32"]) }],
  // y = x Φ(x):  dy/dx = Φ(x) + x φ(x)
  grad: ({ inputs: [x], cotangents: [g] }) => {
    const cdf = x!.mul(Math.SQRT1_2).erf().add(1).mul(0.5);
    const pdf = x!
      .square()
      .mul(-0.5)
      .exp()
      .mul(1 / Math.sqrt(2 * Math.PI));
    return [g!.mul(cdf.add(x!.mul(pdf)))];
  },
  lower: ({ emit }, [x]) => [emit("Gelu", [x!], { approximate: "none" })],
  sliceThrough: (axis) => [axis],
  samples: [{ inputs: [f32([2, 3], { low: -3, high: 3 })], attrs: {} }],
});

/**
 * The Gaussian error linear unit, x Φ(x).
 *
 * @source Hendrycks & Gimpel 2016, arXiv:1606.08415
 */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  const { approximate = "none" } = options;
  if (approximate !== "none" && approximate !== "tanh") {
    throw new PatchClampError("BAD_OPTION", {
      where: "gelu",
      problem: `approximate is ${JSON.stringify(approximate)}, not "none" or "tanh".`,
    });
  }
  return apply(approximate === "tanh" ? geluTanhOp : geluOp, [x], {});
}

Tensor.prototype.gelu = function method(this: Tensor, options): Tensor {
  return gelu(this, options);
};

Tensor.prototype.silu = function silu(this: Tensor): Tensor {
  return this.mul(this.sigmoid());
};
