// Training runs on disk: two safetensors files that are written in turn, so that one is whole at any moment, whatever
// happens to the other.

import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import type { CheckpointStore, StateTensor, TrainingState } from "../nn/index.ts";
import { readSafetensors, writeSafetensors, type TensorToStore } from "./safetensors.ts";

/** Metadata of the files, beside the step and the seed. */
const FORMAT = "patchclamp-training";

/** Options of `trainingStore`. */
export interface TrainingStoreOptions {
  /** What the two files are called before `.0.safetensors` and `.1.safetensors`. Default `training`. */
  readonly name?: string;
}

/**
 * Keeps the state of one training run in a folder.
 *
 * Loading takes the newer of the files that is whole, so a run that was killed while saving goes on from the save before.
 *
 * @throws PatchClampError (`load`) `BAD_FILE` when there are files and none is whole, `BAD_INPUT` when one is something else
 */
export function trainingStore(files: Files, options: TrainingStoreOptions = {}): CheckpointStore {
  const { name = "training" } = options;
  const paths = [`${name}.0.safetensors`, `${name}.1.safetensors`] as const;
  let newest: string | undefined;

  const load = async (): Promise<TrainingState | undefined> => {
    const found: { path: string; state: TrainingState }[] = [];
    let broken: PatchClampError | undefined;
    for (const path of paths) {
      if (!(await files.exists(path))) continue;
      try {
        found.push({ path, state: await readState(files, path) });
      } catch (error) {
        if (!(error instanceof PatchClampError) || error.code !== "BAD_FILE") throw error;
        broken = error;
      }
    }
    if (found.length === 0 && broken !== undefined) throw broken;
    const last = found.toSorted((a, b) => b.state.step - a.state.step)[0];
    newest = last?.path;
    return last?.state;
  };

  return {
    load,
    save: async (state) => {
      // a store that only saves must not overwrite the newest file of an earlier process
      if (newest === undefined) await load();
      const path = newest === paths[0] ? paths[1] : paths[0];
      await files.write(path, writeState(state));
      newest = path;
    },
  };
}

function writeState({ step, seed, tensors }: TrainingState): Uint8Array {
  const stored = Object.fromEntries(tensors) as Record<string, TensorToStore>;
  return writeSafetensors(stored, { format: FORMAT, step: String(step), seed: String(seed) });
}

async function readState(files: Files, path: string): Promise<TrainingState> {
  const { metadata, tensors } = await readSafetensors(files, path);
  const step = Number(metadata["step"]);
  const seed = Number(metadata["seed"]);
  if (metadata["format"] !== FORMAT || !Number.isSafeInteger(step) || !Number.isSafeInteger(seed)) {
    throw new PatchClampError("BAD_INPUT", {
      where: "trainingStore",
      problem: `${path} in ${files.name} is not a checkpoint of a training run.`,
      fix: "give the store another name, or remove the file.",
      facts: { path },
    });
  }
  const read = new Map<string, StateTensor>();
  for (const [name, { shape, data }] of tensors) {
    read.set(name, { shape, data: (await data()) as Float32Array });
  }
  return { step, seed, tensors: read };
}
