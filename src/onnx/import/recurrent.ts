// Recurrent layers, which ONNX Runtime runs step by step.

import type { Tensor } from "../../tensor/tensor.ts";
import { attributeOf } from "./foreign.ts";
import type { ImportHandler, ImportHandlers } from "./handler.ts";

/** Where a kind of layer has what. */
interface Kind {
  /** States that are carried: inputs that begin with them, and outputs that end with them. */
  readonly states: readonly number[];
  /** Whether weights are of 8 bits, [direction, input, gate * hidden]. */
  readonly isQuantised?: boolean;
}

/** What is an attribute of the layer in operator set 21; `layout` is none that ONNX Runtime takes. */
const ATTRIBUTES =
  "direction activations activation_alpha activation_beta clip input_forget linear_before_reset".split(
    " ",
  );

/**
 * A layer over [pos, batch, input], or [batch, pos, input] by its layout.
 *
 * Gives what it says at every position, [pos, direction, batch, hidden] or [batch, pos, direction, hidden], and its last states,
 * [direction, batch, hidden] or [batch, direction, hidden].
 */
function layer({ states, isQuantised = false }: Kind): ImportHandler {
  return (context) => {
    const { input, inputs, int, attribute, asItIs, refuse } = context;
    const isBatchFirst = int("layout", 0) === 1;
    const turned = (x: Tensor): Tensor => (isBatchFirst ? x.transpose([1, 0, 2]) : x);
    const [x, weights, recurrent] = [turned(input(0)), input(1), input(2)];
    if (x.rank !== 3 || weights.rank !== 3 || recurrent.rank !== 3)
      throw refuse(`takes ${shown(input(0))}, ${shown(weights)} and ${shown(recurrent)}`);
    // ONNX Runtime ends the process where there is nothing to go through
    if (x.size === 0 || weights.size === 0 || recurrent.size === 0)
      throw refuse(`goes through ${shown(x)} with weights ${shown(weights)}`);
    const [pos, batch] = x.shape as [number, number];
    const directions = weights.shape[0]!;
    const hidden = recurrent.shape[isQuantised ? 1 : 2]!;
    const dtype = x.dtype;
    const state = { shape: [directions, batch, hidden], dtype };
    const given = inputs.map((t, i) => (t && states.includes(i) ? turned(t) : t));
    const attributes = ATTRIBUTES.flatMap((name) => {
      const own = attribute(name);
      const value = own && attributeOf(own);
      return value === undefined ? [] : [[name, value] as const];
    });
    const [all, ...last] = asItIs(
      [{ shape: [pos, directions, batch, hidden], dtype }, ...states.map(() => state)],
      {
        inputs: [x, ...given.slice(1)],
        attributes: { ...Object.fromEntries(attributes), hidden_size: hidden },
      },
    );
    return isBatchFirst ? [all!.transpose([2, 0, 1, 3]), ...last.map(turned)] : [all!, ...last];
  };
}

const shown = ({ shape }: Tensor): string => `[${shape.join(", ")}]`;

export const recurrent: ImportHandlers = {
  RNN: layer({ states: [5] }),
  GRU: layer({ states: [5] }),
  LSTM: layer({ states: [5, 6] }),
  "com.microsoft.DynamicQuantizeLSTM": layer({ states: [5, 6], isQuantised: true }),
};
