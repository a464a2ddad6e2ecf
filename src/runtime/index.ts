// Traced tensors with an engine under them: what `patchclamp/tensor` exports.

import { backend } from "#engine";

import { installExecutor } from "../tensor/executor.ts";
import { OrtExecutor } from "./executor.ts";

installExecutor(new OrtExecutor(backend));

export { configure, type ExecutorOptions } from "../tensor/executor.ts";
export { compile, evaluate, type CompileOptions } from "../tensor/evaluate.ts";
export * from "../tensor/control.ts";
export {
  gradients,
  jacobian,
  jvp,
  type GradientOptions,
  type RuleSet,
} from "../tensor/gradients.ts";
export { account, type Account } from "../tensor/account.ts";
export { collect, printGraph, type Graph } from "../tensor/graph.ts";
export { allOps } from "../tensor/op.ts";
export { Tensor, type DType, type TypedArray } from "../tensor/tensor.ts";
export * from "../tensor/ops/index.ts";
