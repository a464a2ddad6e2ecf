// Loading this file puts every op into the registry and every method on `Tensor`.

export * from "./activations.ts";
export * from "./along-axis.ts";
export * from "./cast.ts";
export * from "./compare.ts";
export * from "./creation.ts";
export * from "./elementwise.ts";
export * from "./grouped.ts";
export * from "./indexing.ts";
export * from "./masks.ts";
export * from "./matmul.ts";
export * from "./joining.ts";
export * from "./movement.ts";
export * from "./normalise.ts";
export * from "./order.ts";
export * from "./reduce.ts";
export { dequantise, packedParts, type PackedForm } from "./quantised.ts";
export * from "./rotary.ts";
export * from "./cumsum.ts";
export { scan, type ScanInputs, type Step, type StepResult } from "./scan.ts";
export * from "./softmax.ts";
export { conv1d, conv2d, type ConvOptions } from "./convolution.ts";
export { avgPool, maxPool, type PoolOptions } from "./pooling.ts";
export {
  dropout,
  noise,
  randomNormal,
  randomUniform,
  splitSeed,
  type DropoutOptions,
  type NoiseOptions,
  type Seed,
} from "./random.ts";
