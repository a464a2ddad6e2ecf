// Trains an organism from its recipe, and measures its skills.

import { familyOfKind } from "../architectures/index.ts";
import type { DecoderFamily, ParamEntry } from "../architectures/family.ts";
import { buildNetwork, saveNetwork } from "../checkpoints/load.ts";
import { makeTokenizer } from "../checkpoints/tokenizer/tokenizer.ts";
import type { Files } from "../core/files.ts";
import { Rng } from "../core/rng.ts";
import type { Tree } from "../core/tree.ts";
import { leaves, treeOf } from "../core/tree.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { DecoderConfig } from "../network/prompt.ts";
import { recordingTap } from "../network/tap.ts";
import type { CheckpointStore } from "../nn/index.ts";
import { adamW, cosineDecay, crossEntropy, normal, train, warmup } from "../nn/index.ts";
import type { TrainProgress } from "../nn/index.ts";
import { causalBias } from "../nn/masks.ts";
import { arange, ones, zeros } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { Organism } from "./organism.ts";

/** Options of `trainOrganism`. */
export interface TrainOrganismOptions {
  /** Number of updates. Default: the recipe's. */
  steps?: number;
  /** Keeps the state, so that a run that was stopped goes on. Default: none. */
  store?: CheckpointStore;
  signal?: AbortSignal;
  /** Milliseconds since any moment, to report speed. */
  clock?: () => number;
  /** Measures skills on `count` samples every so many steps. Default: never. */
  evaluate?: { every: number; count: number };
}

/** A training run of an organism: iterate to train, then take the network. */
export interface OrganismTraining extends AsyncIterable<TrainProgress> {
  readonly network: () => LanguageNetwork;
}

/**
 * Trains an organism.
 *
 * @returns progress, step by step; `network()` is the organism as trained so far
 */
export async function trainOrganism(
  organism: Organism,
  options: TrainOrganismOptions = {},
): Promise<OrganismTraining> {
  const { recipe } = organism;
  const { steps = recipe.steps, store, signal, clock, evaluate } = options;
  const family = await familyOfKind("organism", organism.name, {
    json: recipe.config,
    kind: "decoder",
  });
  const network = (params: Tree<Tensor>): LanguageNetwork =>
    organismNetwork(organism, family, params);
  const fresh = initialParams(organism, family);
  const { forward } = network(fresh);
  const run = train({
    params: fresh,
    loss: (params: Tree<Tensor>, tokens: Tensor) => {
      const pos = tokens.shape[1]!;
      const positions = arange(pos - 1).reshape([1, pos - 1]);
      const inputs = {
        tokens: tokens.slice({ axis: 1, end: -1 }),
        positions,
        keyPositions: positions,
        mask: causalBias(pos - 1),
      };
      const logits = forward(params as never, inputs, recordingTap().tap);
      return crossEntropy(logits, tokens.slice({ axis: 1, start: 1 }));
    },
    batches: recipe.tokens,
    optimiser: adamW({
      beta2: 0.98,
      weightDecay: recipe.weightDecay,
      groups: [
        { match: "**.bias", weightDecay: 0 },
        { match: "**.{ln1,ln2}.*", weightDecay: 0 },
        { match: "lnFinal.*", weightDecay: 0 },
      ],
    }),
    schedule: warmup(
      cosineDecay({
        from: recipe.learningRate,
        to: recipe.learningRate / 50,
        steps: Math.max(1, steps - recipe.warmupSteps),
      }),
      {
        steps: recipe.warmupSteps,
      },
    ),
    steps,
    clip: recipe.clip,
    seed: recipe.seed,
    signal,
    clock,
    tokens: () => recipe.batch * recipe.pos,
    checkpoint: store === undefined ? undefined : { store, every: 500 },
    evaluate:
      evaluate === undefined
        ? undefined
        : {
            every: evaluate.every,
            measure: (params: Tree<Tensor>) =>
              measureSkills(organism, network(params), { seed: 1, count: evaluate.count }),
          },
  });
  return {
    network: () => network(run.params),
    [Symbol.asyncIterator]: () => run[Symbol.asyncIterator](),
  };
}

/** Scores of all skills, by name. */
export async function measureSkills(
  { skills }: Organism,
  net: LanguageNetwork,
  options: { seed: number; count: number },
): Promise<Record<string, number>> {
  const scores: Record<string, number> = {};
  for (const { name, measure } of skills) scores[name] = await measure(net, options);
  return scores;
}

/** An organism with given parameters. */
function organismNetwork(
  organism: Organism,
  family: DecoderFamily,
  params: Tree<Tensor>,
): LanguageNetwork {
  const config = family.config(organism.recipe.config);
  const tokenizer = makeTokenizer(
    organism.name,
    organism.tokenizerJson(),
    organism.tokenizerConfig(),
  );
  return buildNetwork({ name: `organism:${organism.name}`, family, config, params, tokenizer });
}

/**
 * Fresh weights: normal with deviation 0.02, smaller where a module writes to the residual stream, gains 1, biases 0.
 *
 * @source Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3
 */
function initialParams(organism: Organism, family: DecoderFamily): Tree<Tensor> {
  const config = family.config(organism.recipe.config);
  const root = new Rng(organism.recipe.seed).split("weights");
  return treeOf(
    family.layout(config).map((entry) => [entry.path, freshTensor(entry, config, root)]),
  );
}

function freshTensor({ path, shape }: ParamEntry, { nLayers }: DecoderConfig, root: Rng): Tensor {
  if (/(?:^|\.)ln\w+\.weight$/.test(path)) return ones(shape);
  if (path.endsWith(".bias")) return zeros(shape);
  const writes = /\.attn\.o\.|\.mlp\.out\./.test(path);
  const std = 0.02 / (writes ? Math.sqrt(2 * nLayers) : 1);
  return normal(shape, { seed: root.split(path).word(), std });
}

/** What stands beside an organism's weights. */
export interface Card {
  readonly name: string;
  readonly description: string;
  readonly parameters: number;
  readonly steps: number;
  readonly seed: number;
  /** Held-out scores by skill, 0..1, and what each had to reach. */
  readonly scores: Readonly<
    Record<string, { score: number; bar: number; samples: number; meaning: string }>
  >;
  /** How to train it again. */
  readonly command: string;
}

/** Measures an organism and writes checkpoint, tokenizer and card. */
export async function saveOrganism(
  organism: Organism,
  net: LanguageNetwork,
  files: Files,
  options: { steps?: number; count?: number } = {},
): Promise<Card> {
  const { steps = organism.recipe.steps, count = 500 } = options;
  const measured = await measureSkills(organism, net, { seed: 2024, count });
  const card: Card = {
    name: organism.name,
    description: organism.description,
    parameters: leaves<Tensor>(net.params).reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0),
    steps,
    seed: organism.recipe.seed,
    scores: Object.fromEntries(
      organism.skills.map(({ name, bar, meaning }) => [
        name,
        { score: measured[name]!, bar, samples: count, meaning },
      ]),
    ),
    command: `patchclamp organisms train ${organism.name}`,
  };
  await saveNetwork(files, {
    config: organism.recipe.config,
    params: net.params,
    tokenizerJson: organism.tokenizerJson(),
    tokenizerConfig: organism.tokenizerConfig(),
  });
  await files.write("card.json", new TextEncoder().encode(`${JSON.stringify(card, null, 2)}\n`));
  return card;
}
