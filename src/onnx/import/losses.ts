// Losses against classes, as models that were exported with theirs have them.

import { ones } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";

/**
 * -log p of the right class, folded as the attribute `reduction` says.
 *
 * @param logs - logarithms of probabilities, [batch, classes, ...places]
 */
function likelihood(context: ImportContext, logs: Tensor): Tensor {
  const { input, inputs, int, text, refuse } = context;
  const [target, weight] = [input(1), inputs[2]];
  const ignored = int("ignore_index", undefined);
  const isIgnored = ignored === undefined ? undefined : target.equal(ignored);
  // what is ignored may be no class at all
  const classes = isIgnored === undefined ? target : isIgnored.where(0, target);
  const own = weight === undefined ? ones(target.shape) : weight.gather(classes);
  const weights = isIgnored === undefined ? own : isIgnored.where(0, own);
  const right = logs.takeAlongAxis(classes.unsqueeze(1), { axis: 1 }).squeeze(1);
  const loss = right.neg().mul(weights);
  const reduction = text("reduction", "mean");
  switch (reduction) {
    case "none":
      return loss;
    case "sum":
      return loss.sum();
    case "mean":
      return loss.sum().div(weights.sum());
    default:
      throw refuse(`has the reduction "${reduction}"`);
  }
}

export const losses: ImportHandlers = {
  NegativeLogLikelihoodLoss: (context) => likelihood(context, context.input(0)),
  SoftmaxCrossEntropyLoss: (context) => {
    const logs = context.input(0).logSoftmax({ axis: 1 });
    return [likelihood(context, logs), logs];
  },
};
