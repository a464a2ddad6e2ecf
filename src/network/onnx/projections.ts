// Products with weights, and the values around them that keep the axes of the standard sites.

import type { GraphView } from "./graph-view.ts";
import { normOf } from "./norms.ts";

const LINEAR = new Set(["MatMul", "FusedMatMul", "Gemm", "MatMulNBits", "MatMulBnb4", "QGemm"]);

/** Parts of a packed projection. */
const PARTS = new Set(["Split", "Slice", "Gather"]);

const MOST_STEPS = 12;

/** What a value was multiplied with weights from, where nothing but a bias and a cut was done to it since. */
export function projectedFrom(view: GraphView, value: string): string | undefined {
  let at = value;
  for (let i = 0; i < MOST_STEPS; i++) {
    at = view.root(at);
    const node = view.maker(at);
    if (node === undefined) return undefined;
    if (LINEAR.has(node.opType))
      return view.isConstant(node.inputs[1] ?? "") ? node.inputs[0] : undefined;
    const quantised = quantisedFrom(view, at);
    if (quantised !== undefined) return quantised;
    if (PARTS.has(node.opType)) {
      at = node.inputs[0]!;
      continue;
    }
    const biased = view.operands(at, "Add");
    if (biased?.values.length !== 1) return undefined;
    at = biased.values[0]!;
  }
  return undefined;
}

/** The same of a product of whole numbers, which is scaled back. */
function quantisedFrom(view: GraphView, value: string): string | undefined {
  for (const factor of view.operands(value, "Mul")?.values ?? []) {
    const product = view.maker(view.root(factor));
    if (product?.opType !== "MatMulInteger") continue;
    const rounded = view.maker(view.root(product.inputs[0]!));
    return rounded?.opType === "DynamicQuantizeLinear" ? rounded.inputs[0] : undefined;
  }
  return undefined;
}

/** What the last product with weights before a value reads: through biases, scales, bounds and norms behind it. */
export function lastProjection(view: GraphView, value: string): string | undefined {
  let at = value;
  for (let i = 0; i < MOST_STEPS; i++) {
    const from = projectedFrom(view, at);
    if (from !== undefined) return from;
    const norm = normOf(view, at);
    if (norm !== undefined) {
      at = norm.x;
      continue;
    }
    const scaled = view.operands(view.root(at), "Mul", "Div", "Tanh");
    if (scaled?.values.length !== 1) return undefined;
    at = scaled.values[0]!;
  }
  return undefined;
}

/** Of values that have the same numbers, that with the axes of [batch, pos, width]. */
export function asRows(view: GraphView, value: string): string | undefined {
  return view.reshaped(value).find((own) => view.shape(own).length === 3);
}
