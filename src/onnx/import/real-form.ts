// The operator on real numbers that an operator on rounded ones stands for.

import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext, ImportHandler } from "./handler.ts";

/** The operator set whose forms ONNX Runtime's own operators follow. */
const NEWEST = 21;

/**
 * What an operator makes of real numbers, for its shape and its gradient: it is not run.
 *
 * @param context - of the node on rounded numbers, which has the attributes of the other
 * @param inputs - of the other
 */
export function realForm(
  context: ImportContext,
  handler: ImportHandler,
  inputs: readonly (Tensor | undefined)[],
  opset = NEWEST,
): readonly Tensor[] {
  const made = handler({
    ...context,
    opset,
    inputs,
    input: (i) => {
      const found = inputs[i];
      if (found === undefined) throw context.refuse(`lacks its input ${i}`);
      return found;
    },
    // what lies within is no value of the file
    name: (_, x) => x,
  });
  return Array.isArray(made) ? (made as readonly Tensor[]) : [made as Tensor];
}
