// Mixtures of experts: a router gives every token a few of many MLPs. What families differ in comes as functions: how
// router logits become a choice and weights, and what an expert's hidden units are.

import { sort, tensor, zeros } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { groupedLinear } from "../tensor/ops/grouped.ts";
import type { GatedMlpParams, LinearParams, SiteTap } from "./layers.ts";
import { linear, untapped } from "./layers.ts";
import { NEVER } from "./masks.ts";

/** Weights of a mixture: [experts, dModel] of the router, and an MLP each. */
export interface MixtureParams {
  readonly router: LinearParams;
  readonly experts: readonly GatedMlpParams[];
}

/** How router logits, [batch, pos, expert], become a choice and weights. */
export interface Routing {
  /** What the chosen ones have most of. Default: the logits. */
  readonly score?: ((logits: Tensor) => Tensor) | undefined;
  /** Makes scores that may not be chosen very negative. Default: leaves them. */
  readonly limit?: ((scores: Tensor) => Tensor) | undefined;
  /** Weights of the chosen experts, [batch, pos, k], from their ids. */
  readonly weigh: (logits: Tensor, experts: Tensor) => Tensor;
}

/** Hidden units of an expert from its two branches, [rows, dMlp]. */
export type HiddenUnits = (gate: Tensor, pre: Tensor) => Tensor;

/** How a mixture works. */
export interface MixtureForm {
  /** Experts a token. */
  readonly k: number;
  readonly routing: Routing;
  readonly hidden: HiddenUnits;
}

/** A router logit of this size is a mark, whatever the other logits are: of an expert that is never chosen, or always. */
export const ALWAYS = -NEVER;

/**
 * A mixture of experts, of which every token computes only those that it chooses.
 *
 * Sites: `router_logits` [batch, pos, expert], `experts` (ids, by descending score) and `weights` [batch, pos, k], `expert_out`
 * [batch, pos, k, dModel], each expert's output before it is weighted. A logit that an edit makes `NEVER` or `ALWAYS` switches
 * its expert off or on; one that is on weighs what the best of the others would.
 *
 * @param x - [batch, pos, dModel]
 * @returns [batch, pos, dModel]
 * @source Shazeer et al. 2017, arXiv:1701.06538, eq. (1)
 */
export function mixtureOfExperts(
  x: Tensor,
  params: MixtureParams,
  { k, routing, hidden }: MixtureForm,
  tap: SiteTap = untapped,
): Tensor {
  const plain = linear(x, params.router);
  const edited = tap("router_logits", plain);
  const { logits, marks } = edited === plain ? { logits: plain } : readMarks(edited);
  const { score = (s: Tensor) => s, limit = (s: Tensor) => s, weigh } = routing;
  const scores = score(logits);
  const allowed = limit(marks === undefined ? scores : scores.add(marks));
  const experts = tap("experts", allowed.topK({ k }).indices);
  const weights = tap("weights", weigh(logits, experts));
  const out = tap("expert_out", expertOutputs(x, experts, params.experts, hidden));
  return weights.unsqueeze(-2).matmul(out).squeeze(-2);
}

/** Takes marks out of logits: 0 for an ordinary one, else a number that outweighs every score. */
function readMarks(logits: Tensor): { readonly logits: Tensor; readonly marks: Tensor } {
  const [min, max] = [NEVER / 10, ALWAYS / 10];
  const marks = logits.sub(logits.clip({ min, max }));
  const isOn = marks.greater(0);
  const best = isOn.where(NEVER, logits).max({ axis: -1, keepDims: true });
  return { logits: isOn.where(best, logits), marks };
}

/** Outputs of the experts that each token chose, [batch, pos, k, dModel]: rows are put in the order of their experts and back. */
function expertOutputs(
  x: Tensor,
  experts: Tensor,
  params: readonly GatedMlpParams[],
  hidden: HiddenUnits,
): Tensor {
  const [batch, pos, dModel] = x.shape as [number, number, number];
  const k = experts.shape.at(-1)!;
  const ids = experts.reshape([batch * pos * k]);
  const order = sort(ids).indices;
  const counts = zeros([params.length], "int32").scatterAdd(ids, ids.onesLike());
  const mapped = (rows: Tensor, name: "gate" | "in" | "out"): Tensor => {
    const layers = params.map((expert) => expert[name]);
    const biases = layers.flatMap(({ bias }) => bias ?? []);
    return groupedLinear(rows, counts, { weights: layers.map(({ weight }) => weight), biases });
  };
  const tokens = order.div(tensor(k, { dtype: "int32" }));
  const rows = x.reshape([batch * pos, dModel]).gather(tokens);
  const sorted = mapped(hidden(mapped(rows, "gate"), mapped(rows, "in")), "out");
  return sorted.gather(sort(order).indices).reshape([batch, pos, k, dModel]);
}

/** Weights that are probabilities among the chosen experts. */
export const softmaxOfChosen: Routing = {
  weigh: (logits, experts) => logits.takeAlongAxis(experts).softmax(),
};

/** Weights that are probabilities among all experts, so that those of the chosen add up to less than 1. */
export const softmaxOfAll: Routing = {
  weigh: (logits, experts) => logits.softmax().takeAlongAxis(experts),
};

/**
 * Weights that are sigmoids, and a choice that a bias corrects so that experts are used evenly.
 *
 * @param bias - [expert]
 * @param isNormalised - whether weights are divided by their sum
 * @source DeepSeek-AI 2024, arXiv:2412.19437, eq. (12) to (16)
 */
export function sigmoidScores(bias: Tensor, isNormalised: boolean): Routing {
  return {
    score: (logits) => logits.sigmoid().add(bias),
    weigh: (logits, experts) => {
      const weights = logits.takeAlongAxis(experts).sigmoid();
      if (!isNormalised) return weights;
      return weights.div(weights.sum({ axis: -1, keepDims: true }).add(1e-20));
    },
  };
}

/**
 * Lets a token choose among the experts of its best groups only.
 *
 * @param groups - experts lie group by group; `kept` of the groups stay
 * @param best - how many of a group's scores, the largest, are added up to compare groups
 * @returns a `limit` of `Routing`
 * @source DeepSeek-AI 2024, arXiv:2405.04434, section 2.2.2
 */
export function bestGroups(
  groups: { readonly count: number; readonly kept: number },
  best: number,
): (scores: Tensor) => Tensor {
  const { count, kept } = groups;
  return (scores) => {
    const inGroups = scores.reshape([...scores.shape.slice(0, -1), count, -1]);
    const sums = inGroups.topK({ k: best }).values.sum({ axis: -1 });
    const last = sums.topK({ k: kept }).values.slice({ axis: -1, start: kept - 1 });
    return sums.less(last).unsqueeze(-1).where(NEVER, inGroups).reshape(scores.shape);
  };
}
