// The small worlds: numbers, features and gates of which all is known, for networks that train in seconds.

export {
  circuitSamples,
  circuitTables,
  circuitValues,
  gateKinds,
  randomCircuit,
  usedGates,
} from "./circuits.ts";
export type { Circuit, CircuitOptions, CircuitSample, Gate, GateKind } from "./circuits.ts";
export { featuresAbove, featureTree, featureTreeRows, siblingsOf } from "./hierarchy.ts";
export type { FeatureTree, FeatureTreeOptions, TreeFeature } from "./hierarchy.ts";
export { modularAnswer, modularOperations, modularWorld } from "./modular.ts";
export type { ModularOperation, ModularOptions, ModularProblem, ModularWorld } from "./modular.ts";
export { repeatedVocabulary, repeatedWords } from "./repeats.ts";
export type { RepeatedWords, RepeatedWordsOptions } from "./repeats.ts";
export { featurePairings, sparseFeatureRows, sparseFeatures } from "./superposition.ts";
export type { FeaturePairing, SparseFeatures, SparseFeaturesOptions } from "./superposition.ts";
