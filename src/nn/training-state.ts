// What a training run must remember to go on: parameters, the optimiser's state, the step and the seed.

import { PatchClampError } from "../core/errors.ts";
import { fillTree, leaves, type Tree } from "../core/tree.ts";
import { tensor, type Tensor } from "../runtime/index.ts";
import { showShape } from "../tensor/op.ts";

/** A training run between two steps. */
export interface TrainingState {
  /** Number of updates done, which is the number of the next step. */
  readonly step: number;
  /** Seed of the run's random numbers. */
  readonly seed: number;
  /** By path: parameters under `params`, the optimiser's state under `optimiser`. */
  readonly tensors: ReadonlyMap<string, StateTensor>;
}

/** One tensor of a training state, in row-major order. */
export interface StateTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Where training runs keep their state. */
export interface CheckpointStore {
  /** Keeps a state, of which nothing may be read after the promise is settled: the next step reuses its memory. */
  readonly save: (state: TrainingState) => Promise<void>;
  /** The newest state that was wholly saved; undefined where there is none. */
  readonly load: () => Promise<TrainingState | undefined>;
}

/** The trees behind a training state. */
export interface StateTrees<P> {
  readonly params: P;
  readonly state: Tree<Tensor>;
}

/** Writes down a run's state; the data is not copied. */
export async function snapshot(
  seed: number,
  step: number,
  trees: StateTrees<Tree<Tensor>>,
): Promise<TrainingState> {
  const tensors = new Map<string, StateTensor>();
  for (const [path, leaf] of named(trees)) {
    tensors.set(path, { shape: leaf.shape, data: (await leaf.data()) as Float32Array });
  }
  return { step, seed, tensors };
}

/**
 * Makes trees of a state.
 *
 * @param like - trees of the same form, and the seed that the run was given
 * @throws PatchClampError `BAD_INPUT` when the state has other names, shapes or another seed
 */
export function restore<P extends Tree<Tensor>>(
  saved: TrainingState,
  like: StateTrees<P> & { readonly seed: number },
): StateTrees<P> {
  if (saved.seed !== like.seed)
    throw otherRun(saved, `its seed is ${saved.seed}, not ${like.seed}`);
  const wanted = named(like);
  const names = new Set(wanted.map(([path]) => path));
  const extra = [...saved.tensors.keys()].find((path) => !names.has(path));
  if (extra !== undefined) throw otherRun(saved, `this run has no ${extra}`);
  const loaded = wanted.map(([path, { shape }]) => {
    const found = saved.tensors.get(path);
    if (found === undefined) throw otherRun(saved, `it has no ${path}`);
    if (found.shape.join() !== shape.join()) {
      throw otherRun(
        saved,
        `its ${path} has shape ${showShape(found.shape)}, not ${showShape(shape)}`,
      );
    }
    return tensor(found.data.slice(), { shape });
  });
  const count = leaves<Tensor>(like.params).length;
  return {
    params: fillTree<Tensor, Tensor>(like.params, loaded.slice(0, count)) as P,
    state: fillTree<Tensor, Tensor>(like.state, loaded.slice(count)),
  };
}

function named({ params, state }: StateTrees<Tree<Tensor>>): [path: string, leaf: Tensor][] {
  return [...leaves<Tensor>({ params }), ...leaves<Tensor>({ optimiser: state })];
}

function otherRun({ step }: TrainingState, difference: string): PatchClampError {
  return new PatchClampError("BAD_INPUT", {
    where: "train",
    problem: `the checkpoint at step ${step} belongs to another run: ${difference}.`,
    fix: "give the options of that run, or an empty store.",
    facts: { step },
  });
}
