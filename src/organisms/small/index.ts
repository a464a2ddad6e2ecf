// Small organisms: networks that train in seconds, with what is true of them.

export { featureGeometry } from "./feature-geometry.ts";
export type { FeatureGeometry } from "./feature-geometry.ts";
export { frequencyShares, onlyFrequencies } from "./fourier.ts";
export type { FrequencyShare } from "./fourier.ts";
export { trainHierarchy } from "./hierarchy.ts";
export type { TrainedHierarchy, TrainHierarchyOptions } from "./hierarchy.ts";
export { answerAccuracy, headScores } from "./induction-heads.ts";
export type { Head, HeadScores } from "./induction-heads.ts";
export { induction, inductionOrganism, repeatedTexts, trainInduction } from "./induction.ts";
export type { InductionOptions, TrainedInduction, TrainInductionOptions } from "./induction.ts";
export {
  additionAccuracy,
  modularAddition,
  modularAdditionOrganism,
  numberFrequencies,
  trainModularAddition,
  withFrequencies,
} from "./modular-addition.ts";
export type {
  ModularAdditionOptions,
  TrainedModularAddition,
  TrainModularAdditionOptions,
} from "./modular-addition.ts";
export { trainSuperposition } from "./superposition.ts";
export type { TrainedSuperposition, TrainSuperpositionOptions } from "./superposition.ts";
export type { MarkedText } from "./text-rows.ts";
export { toyAutoencoder } from "./toy-autoencoder.ts";
export type { FeatureNetwork, FeatureRows, ToyModel } from "./toy-autoencoder.ts";
