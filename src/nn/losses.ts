// Losses: functions of predictions and targets that give one number, in nats where they are likelihoods.

import { PatchClampError } from "../core/errors.ts";
import { customGradient, full, type Tensor } from "../runtime/index.ts";
import { showShape } from "../tensor/op.ts";

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions {
  /** How much each target counts, of the targets' shape: bool, or float32 weights of at least 0. Default: all alike. */
  weights?: Tensor | undefined;
  /** Targets of this value do not count; it need not be a class. Default: none. */
  ignore?: number | undefined;
  /** Share of the target's probability that is spread over all classes, in [0, 1). Default 0. */
  labelSmoothing?: number | undefined;
}

/** A mean and the number of things it is over, which lets `train` weigh micro-batches of unequal size rightly. */
export interface CountedLoss {
  /** Mean loss, a scalar. */
  readonly loss: Tensor;
  /** Sum of the weights behind the mean, a scalar. */
  readonly count: Tensor;
}

/**
 * Mean negative log-probability of the targets.
 *
 * @param logits - [..., classes], in nats
 * @param targets - int32 class numbers, [...]
 * @returns nats per counted target, a scalar; 0 when no target counts
 * @throws PatchClampError `SHAPE_MISMATCH` when targets or weights do not go with the logits
 * @throws PatchClampError `BAD_OPTION` when the label smoothing is outside [0, 1)
 * @source Szegedy et al. 2016, arXiv:1512.00567, section 7 (label smoothing)
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  return countedCrossEntropy(logits, targets, options).loss;
}

/** `crossEntropy` together with the sum of the weights it is the mean over. */
export function countedCrossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions = {},
): CountedLoss {
  const { weights, ignore, labelSmoothing = 0 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "crossEntropy",
      problem: `labelSmoothing is ${labelSmoothing}, not in [0, 1).`,
    });
  }
  checkTargets("crossEntropy", logits, targets);
  if (weights !== undefined) checkSameShape("crossEntropy", "weights", weights, targets);
  const isCounted = ignore === undefined ? undefined : targets.notEqual(ignore);
  // an ignored target need not be a class, so any class stands in for it
  const classes = isCounted === undefined ? targets : targets.mul(isCounted.cast("int32"));
  const nats = smoothed(logits, classes, labelSmoothing);
  const factors = [isCounted, weights].flatMap((w) => (w === undefined ? [] : [w.cast("float32")]));
  return weightedMean(nats, factors);
}

function smoothed(logits: Tensor, targets: Tensor, labelSmoothing: number): Tensor {
  const nats = negativeLogLikelihood(logits, targets);
  if (labelSmoothing === 0) return nats;
  // mean over classes of -log p = logSumExp - mean logit, and logSumExp = nats + logit of the target
  const towards = takeTarget(logits, targets).sub(logits.mean({ axis: -1 }));
  return nats.add(towards.mul(labelSmoothing));
}

function weightedMean(values: Tensor, factors: readonly Tensor[]): CountedLoss {
  if (factors.length === 0) return { loss: values.mean(), count: full([], values.size) };
  const weights = factors.reduce((product, factor) => product.mul(factor));
  const count = weights.sum();
  const total = values.mul(weights).sum();
  return { loss: total.div(count.equal(0).where(1, count)), count };
}

/**
 * Negative log-probability of every target.
 *
 * @param logits - [..., classes], in nats
 * @param targets - int32 class numbers, [...]
 * @returns nats, [...]
 * @throws PatchClampError `SHAPE_MISMATCH` when the targets do not go with the logits
 */
export function negativeLogLikelihood(logits: Tensor, targets: Tensor): Tensor {
  checkTargets("negativeLogLikelihood", logits, targets);
  return nllOf(logits, logits.softmax({ axis: -1 }), targets);
}

// With p = softmax(x), m = max(x) and p_m = max(p):  log sum exp(x) = m - log p_m, and p_m >= 1 / classes, so the
// logarithm is safe. One pass over the logits makes p, which both directions share:
//   y = m - log p_m - x_t,  dx = g (p - onehot(t))
const nllOf = customGradient(
  (logits: Tensor, p: Tensor, targets: Tensor) =>
    logits
      .max({ axis: -1 })
      .sub(p.max({ axis: -1 }).log())
      .sub(takeTarget(logits, targets)),
  ({ inputs: [, p, targets], cotangent }) => {
    const g = cotangent.unsqueeze(-1);
    return [
      p!.mul(g).scatterAddAlongAxis(targets!.unsqueeze(-1), g.neg(), { axis: -1 }),
      null,
      null,
    ];
  },
);

function takeTarget(logits: Tensor, targets: Tensor): Tensor {
  return logits.takeAlongAxis(targets.unsqueeze(-1), { axis: -1 }).squeeze(-1);
}

/**
 * Mean Kullback-Leibler divergence KL(p || q) of two categorical distributions.
 *
 * @param logitsP - [..., classes], in nats: the distribution that is expected
 * @param logitsQ - the same shape
 * @returns nats, a scalar of at least 0
 * @throws PatchClampError `SHAPE_MISMATCH` when the shapes differ
 */
export function klDivergence(logitsP: Tensor, logitsQ: Tensor): Tensor {
  checkSameShape("klDivergence", "second logits", logitsQ, logitsP);
  const logP = logitsP.logSoftmax({ axis: -1 });
  const difference = logP.sub(logitsQ.logSoftmax({ axis: -1 }));
  return logP.exp().mul(difference).sum({ axis: -1 }).mean();
}

/**
 * Entropy of categorical distributions.
 *
 * @param logits - [..., classes], in nats
 * @returns nats, [...]
 */
export function entropy(logits: Tensor): Tensor {
  const logP = logits.logSoftmax({ axis: -1 });
  return logP.exp().mul(logP).sum({ axis: -1 }).neg();
}

/**
 * Mean negative log-probability of independent yes-or-no targets.
 *
 * @param logits - log-odds in nats, any shape
 * @param targets - probabilities in 0..1, float32 (or bool), the same shape
 * @returns nats, a scalar
 * @throws PatchClampError `SHAPE_MISMATCH` when the shapes differ
 */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  checkSameShape("binaryCrossEntropy", "targets", targets, logits);
  // -t log s(x) - (1 - t) log s(-x) = softplus(x) - t x
  return logits
    .softplus()
    .sub(logits.mul(targets.cast("float32")))
    .mean();
}

/**
 * Mean squared error.
 *
 * @param prediction - any shape
 * @param target - the same shape
 * @throws PatchClampError `SHAPE_MISMATCH` when the shapes differ
 */
export function mse(prediction: Tensor, target: Tensor): Tensor {
  checkSameShape("mse", "targets", target, prediction);
  return prediction.sub(target).square().mean();
}

/**
 * Mean absolute error.
 *
 * @param prediction - any shape
 * @param target - the same shape
 * @throws PatchClampError `SHAPE_MISMATCH` when the shapes differ
 */
export function meanAbsoluteError(prediction: Tensor, target: Tensor): Tensor {
  checkSameShape("meanAbsoluteError", "targets", target, prediction);
  return prediction.sub(target).abs().mean();
}

/**
 * Share of the variance that a reconstruction leaves unexplained: squared error over squared distance from the mean.
 *
 * @param reconstruction - [rows, features]
 * @param x - the same shape
 * @returns a scalar: 0 for a perfect reconstruction, 1 for the mean of the rows
 * @throws PatchClampError `SHAPE_MISMATCH` when the shapes differ
 */
export function fractionUnexplained(reconstruction: Tensor, x: Tensor): Tensor {
  checkSameShape("fractionUnexplained", "targets", x, reconstruction);
  const spread = x
    .sub(x.mean({ axis: 0, keepDims: true }))
    .square()
    .sum();
  return reconstruction.sub(x).square().sum().div(spread);
}

function checkTargets(where: string, logits: Tensor, targets: Tensor): void {
  const wanted = logits.shape.slice(0, -1);
  if (logits.rank > 0 && wanted.join() === targets.shape.join()) return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where,
    problem: `targets ${showShape(targets.shape)} do not go with logits ${showShape(logits.shape)}.`,
    fix: "give one class number for every row of logits.",
    facts: { logits: logits.shape, targets: targets.shape },
  });
}

function checkSameShape(where: string, what: string, x: Tensor, like: Tensor): void {
  if (x.shape.join() === like.shape.join()) return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where,
    problem: `the ${what} have shape ${showShape(x.shape)}, not ${showShape(like.shape)}.`,
    facts: { shape: x.shape, wanted: like.shape },
  });
}
