// The activation that ONNX Runtime fuses into the operator before it.

import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext } from "./handler.ts";

type Activation = (x: Tensor, params: readonly number[]) => Tensor;

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  Relu: (x) => x.relu(),
  Tanh: (x) => x.tanh(),
  Sigmoid: (x) => x.sigmoid(),
  LeakyRelu: (x, [slope = 0.01]) => x.greater(0).where(x, x.mul(slope)),
  Clip: (x, [min = -Infinity, max = Infinity]) => x.clip({ min, max }),
  HardSigmoid: (x, [slope = 0.2, shift = 0.5]) => x.mul(slope).add(shift).clip({ min: 0, max: 1 }),
};

/** The result of a fused node after its activation, which the attribute `activation` names; without one, the result itself. */
export function activated(context: ImportContext, x: Tensor, params: readonly number[]): Tensor {
  const name = context.text("activation", "");
  if (name === "") return x;
  const activation = ACTIVATIONS[name];
  if (activation === undefined) throw context.refuse(`has the activation ${name}`);
  return activation(context.name("pre_activation", x), params);
}
