// What optimisers have in common: pure functions of traced tensors, so that a whole training step is one compiled graph.

import { PatchClampError } from "../core/errors.ts";
import { dottedGlob, nearest } from "../core/text.ts";
import { fillTree, leaves, mapTree, type Tree } from "../core/tree.ts";
import { tensor, type Tensor } from "../runtime/index.ts";

/** What changes from step to step; scalars of the graph, so that a new value is no new graph. */
export interface StepScalars {
  /** Learning rate, float32. */
  readonly learningRate: Tensor;
  /** How many updates came before this one, float32. */
  readonly step: Tensor;
}

/** An update rule. State is a tree of tensors that belongs to one set of parameters. */
export interface Optimiser {
  readonly name: string;
  /**
   * The state before the first update.
   *
   * @throws PatchClampError `UNKNOWN_NAME` when a parameter group matches no parameter
   */
  readonly init: (params: Tree<Tensor>) => Tree<Tensor>;
  /** New parameters and state. Traced: it computes nothing by itself. */
  readonly update: <P extends Tree<Tensor>>(
    params: P,
    grads: P,
    state: Tree<Tensor>,
    at: StepScalars,
  ) => { params: P; state: Tree<Tensor> };
}

/** Settings of some parameters that differ from the rest. */
export interface ParameterGroup {
  /** Dotted glob of parameter paths, such as `blocks.*.ln*.**` or `**.bias`. */
  readonly match: string;
  /** Weight decay of these parameters. Default: the optimiser's. */
  readonly weightDecay?: number;
  /** Multiplies the learning rate; 0 keeps them as they are. Default 1. */
  readonly rateScale?: number;
}

/** Options that all optimisers have. */
export interface OptimiserOptions {
  /** The first group that matches a parameter sets its options. Default: none. */
  readonly groups?: readonly ParameterGroup[];
}

/** One parameter and what belongs to it. */
export interface Leaf {
  readonly path: string;
  readonly p: Tensor;
  readonly g: Tensor;
  readonly moments: readonly Tensor[];
  /** Learning rate of its group. */
  readonly rate: Tensor;
  /** Weight decay of its group. */
  readonly decay: number;
}

/** How one parameter is updated. */
export type LeafRule = (leaf: Leaf) => { readonly p: Tensor; readonly moments: readonly Tensor[] };

/** What an optimiser is made of, besides its rule. */
export interface OptimiserForm {
  /** Names of the tensors that are kept for every parameter, of its shape. */
  readonly slots: readonly string[];
  readonly weightDecay: number;
  readonly groups: readonly ParameterGroup[] | undefined;
}

/**
 * Makes an optimiser of a rule for one parameter.
 *
 * @param prepare - makes the rule from the scalars of a step, which all parameters share
 * @throws PatchClampError `BAD_OPTION` when a decay or a rate scale is negative
 */
export function optimiser(
  name: string,
  form: OptimiserForm,
  prepare: (at: StepScalars) => LeafRule,
): Optimiser {
  const { slots, weightDecay, groups = [] } = form;
  checkRange(name, weightDecay, groups);
  const matchers = groups.map((group) => ({ group, matches: dottedGlob(group.match) }));
  return {
    name,
    init: (params) => {
      checkGroups(name, groups, params);
      const zeros = (): Tree<Tensor> =>
        mapTree<Tensor, Tensor>(params, ({ shape, size }) =>
          tensor(new Float32Array(size), { shape }),
        );
      return Object.fromEntries(slots.map((slot) => [slot, zeros()]));
    },
    update: (params, grads, state, at) => {
      const rule = prepare(at);
      const trees = slots.map((slot) =>
        leaves<Tensor>((state as Record<string, Tree<Tensor>>)[slot]!),
      );
      const slopes = leaves<Tensor>(grads);
      const updated = leaves<Tensor>(params).map(([path, p], i) => {
        const moments = trees.map((tree) => tree[i]![1]);
        const group = matchers.find(({ matches }) => matches(path))?.group;
        const { rateScale = 1, weightDecay: decay = weightDecay } = group ?? {};
        if (rateScale === 0) return { p, moments };
        const rate = rateScale === 1 ? at.learningRate : at.learningRate.mul(rateScale);
        return rule({ path, p, g: slopes[i]![1], moments, rate, decay });
      });
      const filled = (pick: (leaf: (typeof updated)[number]) => Tensor): Tree<Tensor> =>
        fillTree<Tensor, Tensor>(params, updated.map(pick));
      return {
        params: filled(({ p }) => p) as typeof params,
        state: Object.fromEntries(
          slots.map((slot, k) => [slot, filled(({ moments }) => moments[k]!)]),
        ),
      };
    },
  };
}

function checkRange(where: string, weightDecay: number, groups: readonly ParameterGroup[]): void {
  const given = groups.flatMap((group) => [
    ["rateScale", group.rateScale ?? 1] as const,
    ["weightDecay", group.weightDecay ?? 0] as const,
  ]);
  for (const [name, value] of [["weightDecay", weightDecay] as const, ...given]) {
    if (value >= 0 && Number.isFinite(value)) continue;
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `${name} is ${value}, not a number of at least 0.`,
    });
  }
}

function checkGroups(where: string, groups: readonly ParameterGroup[], params: Tree<Tensor>): void {
  const paths = leaves<Tensor>(params).map(([path]) => path);
  for (const { match } of groups) {
    if (paths.some(dottedGlob(match))) continue;
    throw new PatchClampError("UNKNOWN_NAME", {
      where,
      problem: `no parameter matches the group "${match}".`,
      fix: `the parameters nearest to it are ${nearest(match, paths).join(", ")}.`,
      facts: { match },
    });
  }
}
