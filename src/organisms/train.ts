// Trains an organism from its recipe.

import type { AnyFamily, ParamEntry } from "../architectures/family.ts";
import { familyOf } from "../architectures/index.ts";
import {
  buildEncoder,
  buildNetwork,
  buildSeq2Seq,
  buildVision,
  buildVisionLanguage,
} from "../checkpoints/build.ts";
import type { FamilyOf, PartsOf, Seeing } from "../checkpoints/build.ts";
import { layoutOf } from "../checkpoints/load.ts";
import { pictureForm } from "../checkpoints/picture-form.ts";
import { makeTokenizer } from "../checkpoints/tokenizer/tokenizer.ts";
import { PatchClampError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import type { Tree } from "../core/tree.ts";
import { leaves, treeOf } from "../core/tree.ts";
import type { CheckpointStore, Optimiser, TrainProgress } from "../nn/index.ts";
import { adamW, cosineDecay, normal, train, warmup } from "../nn/index.ts";
import { ones, zeros } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { MeasureOptions, Organism, OrganismNetwork, Recipe } from "./organism.ts";

/** Options of `trainOrganism`. */
export interface TrainOrganismOptions {
  /** Number of updates. Default: the recipe's. */
  steps?: number;
  /** Of weights and batches. Default: the recipe's. */
  seed?: number;
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
  readonly network: () => OrganismNetwork;
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
  const { name, config, recipe } = organism;
  const { steps = recipe.steps, seed = recipe.seed, store, signal, clock, evaluate } = options;
  const family = await familyOf("organism", name, config);
  const network = (params: Tree<Tensor>): OrganismNetwork =>
    organismNetwork(organism, family, params);
  const fresh = await freshParams(organism, layoutOf(family, config), seed);
  const untrained = network(separate(fresh).own);
  const run = train({
    params: fresh,
    loss: (params: Trainee, batch: Tree<Tensor>, context) => {
      const { own, extra } = separate(params);
      return recipe.loss(untrained, own, batch, { ...context, extra });
    },
    batches: (index) => recipe.batch(index, seed),
    optimiser: optimiserOf(recipe, fresh),
    schedule: warmup(
      cosineDecay({
        from: recipe.learningRate,
        to: recipe.learningRate / 50,
        steps: Math.max(1, steps - recipe.warmupSteps),
      }),
      { steps: recipe.warmupSteps },
    ),
    steps,
    clip: recipe.clip,
    seed,
    signal,
    clock,
    tokens: () => recipe.tokens,
    checkpoint: store === undefined ? undefined : { store, every: 500 },
    evaluate:
      evaluate === undefined
        ? undefined
        : {
            every: evaluate.every,
            measure: (params: Trainee) =>
              measureSkills(organism, network(separate(params).own), {
                seed: 1,
                count: evaluate.count,
              }),
          },
  });
  return {
    network: () => network(separate(run.params).own),
    [Symbol.asyncIterator]: () => run[Symbol.asyncIterator](),
  };
}

/** Scores of all skills, by name. */
export async function measureSkills(
  { skills }: Organism,
  net: OrganismNetwork,
  options: MeasureOptions,
): Promise<Record<string, number>> {
  const scores: Record<string, number> = {};
  for (const skill of skills) scores[skill.name] = await skill.measure(net, options);
  return scores;
}

/** An organism with given parameters. */
function organismNetwork(
  organism: Organism,
  family: AnyFamily,
  params: Tree<Tensor>,
): OrganismNetwork {
  const { name, tokenizer, pictures } = organism;
  const partsOf = <K extends AnyFamily["kind"]>(own: FamilyOf<K>): PartsOf<K> & Seeing => ({
    name: `organism:${name}`,
    family: own,
    config: own.config(organism.config) as PartsOf<K>["config"],
    params,
    tokenizer: tokenizer && makeTokenizer(name, tokenizer.json, tokenizer.config),
    pictures: pictures && pictureForm(pictures, "organism"),
  });
  switch (family.kind) {
    case "decoder":
      return buildNetwork(partsOf<"decoder">(family));
    case "encoder":
      return buildEncoder(partsOf<"encoder">(family));
    case "seq2seq":
      return buildSeq2Seq(partsOf<"seq2seq">(family));
    case "vision":
      return buildVision(partsOf<"vision">(family));
    case "vision-language":
      return buildVisionLanguage(partsOf<"vision-language">(family));
    case "audio":
      throw new PatchClampError("UNSUPPORTED", {
        where: "organism",
        problem: `${name} listens, and no organism does.`,
      });
  }
}

/** What is trained: a network's parameters, and beside them, as `extra`, what its recipe trains along. */
type Trainee = Readonly<Record<string, Tree<Tensor>>>;

function separate({ extra = {}, ...own }: Trainee): { own: Tree<Tensor>; extra: Tree<Tensor> } {
  return { own, extra };
}

/** Everything before training. What checkpoints may lack is left out, unless the recipe says how it begins. */
async function freshParams(
  organism: Organism,
  layout: readonly ParamEntry[],
  seed: number,
): Promise<Trainee> {
  const { recipe } = organism;
  const entries: [string, Tensor][] = [];
  for (const entry of layout) {
    const rng = new Rng(seed).split("weights").split(entry.path);
    const own = await recipe.initial?.(entry.path, entry.shape, rng);
    if (own !== undefined) entries.push([entry.path, own]);
    else if (entry.isOptional !== true) entries.push([entry.path, initial(entry, organism, rng)]);
  }
  const extra = recipe.extra?.(new Rng(seed).split("extra"));
  return { ...(treeOf(entries) as Trainee), ...(extra === undefined ? {} : { extra }) };
}

/** Gains and biases do not shrink; they are what has one axis. */
function optimiserOf(recipe: Recipe, params: Trainee): Optimiser {
  const groups = leaves<Tensor>(params).map(([match, { shape }]) => ({
    match,
    weightDecay: shape.length < 2 ? 0 : recipe.weightDecay,
    rateScale: recipe.rateScale?.(match) ?? 1,
  }));
  return adamW({ beta2: 0.98, groups });
}

/**
 * A fresh parameter: normal with deviation 0.02, smaller where a module writes to the residual stream, gains 1, biases 0.
 *
 * @source Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3
 */
function initial({ path, shape }: ParamEntry, { config }: Organism, rng: Rng): Tensor {
  if (shape.length === 1) return path.endsWith(".weight") ? ones(shape) : zeros(shape);
  const writes = /\.attn\.o\.|\.mlp\.out\./.test(path);
  const layers = Number(config["num_hidden_layers"] ?? config["n_layer"] ?? 1);
  return normal(shape, { seed: rng.word(), std: 0.02 / (writes ? Math.sqrt(2 * layers) : 1) });
}
