// Keeps a training run's state in one safetensors file, so that a run that was stopped goes on.

import { readSafetensors, writeSafetensors } from "../checkpoints/safetensors.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import type { CheckpointStore, TrainingState } from "../nn/index.ts";

const file = "training-state.safetensors";

/** Whether a folder holds the state of a run. */
export function hasTrainingState(files: Files): Promise<boolean> {
  return files.exists(file);
}

/**
 * Opens a folder as the store of a training run.
 *
 * @throws PatchClampError (`load`) `BAD_FILE` when the state in the folder is damaged
 */
export function trainingStore(files: Files): CheckpointStore {
  return {
    save: async ({ step, seed, tensors }) => {
      const metadata = { step: `${step}`, seed: `${seed}` };
      await files.write(file, writeSafetensors(Object.fromEntries(tensors), metadata));
    },
    load: async () => ((await hasTrainingState(files)) ? read(files) : undefined),
  };
}

async function read(files: Files): Promise<TrainingState> {
  const { metadata, tensors } = await readSafetensors(files, file);
  const [step, seed] = [Number(metadata["step"]), Number(metadata["seed"])];
  if (!Number.isInteger(step) || !Number.isInteger(seed)) {
    throw new PatchClampError("BAD_FILE", {
      where: "organisms train",
      problem: `${file} in ${files.name} does not say at which step and with which seed it was saved.`,
      fix: "delete it and train without --resume.",
    });
  }
  const loaded = await Promise.all(
    [...tensors.values()].map(async ({ name, shape, data }) => {
      return [name, { shape, data: (await data()) as Float32Array }] as const;
    }),
  );
  return { step, seed, tensors: new Map(loaded) };
}
