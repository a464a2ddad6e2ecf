// Training: initial weights, losses, optimisers, schedules and the loop. What `patchclamp/nn` exports.

export { clipByGlobalNorm, type Clipped } from "./clip.ts";
export { einsum } from "../tensor/einsum.ts";
export {
  kaimingNormal,
  kaimingUniform,
  normal,
  orthogonal,
  truncatedNormal,
  uniform,
  xavierNormal,
  xavierUniform,
  type GainOptions,
  type InitOptions,
} from "./init.ts";
export {
  binaryCrossEntropy,
  countedCrossEntropy,
  crossEntropy,
  entropy,
  fractionUnexplained,
  klDivergence,
  meanAbsoluteError,
  mse,
  negativeLogLikelihood,
  type CountedLoss,
  type CrossEntropyOptions,
} from "./losses.ts";
export { muon, type MuonOptions } from "./muon.ts";
export type { Optimiser, OptimiserOptions, ParameterGroup, StepScalars } from "./optimiser.ts";
export {
  adam,
  adamW,
  lion,
  sgd,
  type AdamOptions,
  type LionOptions,
  type SgdOptions,
} from "./optimisers.ts";
export {
  constantRate,
  cosineDecay,
  inTurn,
  linearDecay,
  warmup,
  type DecayOptions,
  type Schedule,
} from "./schedules.ts";
export type { LossContext, LossFunction, LossResult } from "./train-step.ts";
export {
  train,
  type Evaluation,
  type TrainOptions,
  type TrainProgress,
  type Training,
} from "./trainer.ts";
export type { CheckpointStore, StateTensor, TrainingState } from "./training-state.ts";
