// The data worlds: numbers of which all is known, from tables to graphs, for networks that neither read nor look.

export { conditionClouds, marginClouds } from "./clouds.ts";
export type {
  ConditionClouds,
  ConditionCloudsOptions,
  MarginClouds,
  MarginCloudsOptions,
} from "./clouds.ts";
export { gaussianMixture, unionOfSubspaces } from "./clusters.ts";
export type { Mixture, MixtureOptions, Subspaces, SubspacesOptions } from "./clusters.ts";
export { drawCouplings, reachOf, runCouplings } from "./couplings.ts";
export type { CoupledOptions, Coupling, Couplings, CouplingsOptions } from "./couplings.ts";
export {
  columnsOf as formulaColumns,
  depthOf as formulaDepth,
  derivativeOf as formulaDerivative,
  textOf as formulaText,
  valueOf as formulaValue,
} from "./expression.ts";
export type { Expression as Formula, UnaryName } from "./expression.ts";
export { integrate, stepJacobian } from "./flow.ts";
export type { Flow, IntegrateOptions } from "./flow.ts";
export {
  denseAdjacency,
  distancesFrom,
  edgesOf,
  graphOf,
  shortestPath,
  shortestPaths,
  trianglesAt,
} from "./graph.ts";
export type { Edge, Graph } from "./graph.ts";
export { answerInContext, answerInWeights, sequenceBatch } from "./in-context-batch.ts";
export type { SequenceBatch, SequenceBatchOptions } from "./in-context-batch.ts";
export { labelledSequence, sequenceKinds } from "./in-context.ts";
export type { LabelledSequence, LabelledSequenceOptions, SequenceKind } from "./in-context.ts";
export { itemWorld } from "./item-world.ts";
export type { ItemWorld, ItemWorldOptions } from "./item-world.ts";
export { kuramotoFlow, kuramotoSample, orderParameter } from "./kuramoto.ts";
export type { KuramotoOptions, KuramotoParameters, KuramotoSample } from "./kuramoto.ts";
export { lawNamed, lawNames, laws, relevantColumns } from "./laws.ts";
export type { Law, LawColumn } from "./laws.ts";
export { lorenzFixedPoints, lorenzFlow, lorenzSample } from "./lorenz.ts";
export type { LorenzOptions, LorenzParameters, LorenzSample } from "./lorenz.ts";
export { graphHosts, graphMotifs, motifGraph } from "./motif-graphs.ts";
export type { GraphMotif, MotifGraph, MotifGraphOptions } from "./motif-graphs.ts";
export { blockFeatures, ruleGraph } from "./planted-graphs.ts";
export type { RuleGraph, RuleGraphOptions } from "./planted-graphs.ts";
export {
  blockGraph,
  gridGraph,
  preferentialGraph,
  randomTree,
  ringLattice,
} from "./random-graphs.ts";
export type { BlockGraph, BlockGraphOptions } from "./random-graphs.ts";
export { randomLaw } from "./random-law.ts";
export type { RandomLaw, RandomLawOptions } from "./random-law.ts";
export {
  autoregression,
  seriesAnomalies,
  seriesBatch,
  seriesFamilies,
  seriesMotifs,
  seriesSample,
} from "./series.ts";
export type {
  SeriesAnomaly,
  SeriesBatch,
  SeriesEvent,
  SeriesFamily,
  SeriesMotif,
  SeriesOptions,
  SeriesParts,
  SeriesRecipe,
  SeriesSample,
} from "./series.ts";
export { drawSwitching, runSwitching } from "./switching.ts";
export type { SwitchingOptions, SwitchingSample, SwitchingSystem } from "./switching.ts";
export { lawTable, standardised } from "./tabular.ts";
export type { Table, TableColumn, TableOptions } from "./tabular.ts";
export { wordCounts } from "./word-counts.ts";
export type { WordCounts, WordCountsOptions } from "./word-counts.ts";
