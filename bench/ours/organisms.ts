// Our side of the suite `organisms`: training by each recipe, and how fast the engine multiplies matrices.

import { organismNamed, trainOrganism } from "patchclamp";
import type { Organism } from "patchclamp";
import { account, compile, configure, gradients, Tensor, tensor } from "patchclamp/tensor";

import { now, timed } from "../harness.ts";
import { THREADS } from "../machine.ts";
import { hashedNumbers } from "../weights.ts";
import { tensorsOf } from "./loading.ts";
import { stepsOf } from "./training.ts";

/** A run of an organism's recipe. */
export interface OrganismRun {
  /** Tokens, or images, of a step. */
  readonly tokens: number;
  /** Which of the two. */
  readonly counted: "tokens" | "images";
  /** Floating-point operations of a step. */
  readonly flops: number;
  /** Takes one step, batch and update included; returns its tokens per second. */
  readonly step: () => Promise<number>;
}

/** Prepares training of an organism as `patchclamp organisms train` does it, and takes the first step. */
export async function openOrganism(name: string): Promise<OrganismRun> {
  await configure({ threads: THREADS });
  const organism = await organismNamed(name);
  const { recipe, pictures, tokenizer } = organism;
  let flops = 0;
  // what is traced when the first step is compiled
  const loss: Organism["recipe"]["loss"] = (net, params, batch, context) => {
    const result = recipe.loss(net, params, batch, context);
    flops = stepFlops(result instanceof Tensor ? result : result.loss, [params, context.extra]);
    return result;
  };
  // as at the end of the training: the first lessons may take less
  const batch: typeof recipe.batch = (index, seed) => recipe.batch(recipe.steps + index, seed);
  const training = await trainOrganism(
    { ...organism, recipe: { ...recipe, loss, batch } },
    { clock: now },
  );
  const step = stepsOf(training);
  await step();
  return {
    tokens: recipe.tokens,
    counted: pictures !== undefined && tokenizer === undefined ? "images" : "tokens",
    flops,
    step: async () => (await step()).tokensPerSecond!,
  };
}

/**
 * Operations of a loss and its gradients: two for every multiply-add of a product, one for every other number that is made. The
 * update, some ten operations a parameter, is left out.
 */
function stepFlops(loss: Tensor, params: unknown): number {
  return account([loss, ...gradients(loss, tensorsOf(params))]).flops;
}

/** Multiplies square matrices, `count` times one after another. @returns the time in ms */
export async function openProducts(size: number, count: number): Promise<() => Promise<number>> {
  await configure({ threads: THREADS });
  // of a spread that keeps products as large as what is multiplied
  const spread = Math.sqrt(3 / size);
  const matrix = (name: string): Tensor =>
    tensor(hashedNumbers(name, size * size, -spread, spread), { shape: [size, size] });
  const [first, second] = [matrix("first"), matrix("second")];
  const chain = compile((a: Tensor, b: Tensor) => {
    let product = a;
    for (let i = 0; i < count; i++) product = product.matmul(b);
    return product;
  });
  return async () => (await timed(() => chain(first, second))).ms;
}
