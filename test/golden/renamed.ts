// Checkpoints whose tensors have other names, as other versions of transformers write them.

import { readSafetensors, writeSafetensors } from "../../src/checkpoints/safetensors.ts";
import { memoryFiles } from "../../src/core/files.ts";
import type { Files } from "../../src/core/files.ts";

/**
 * A copy of a checkpoint with other names.
 *
 * @param rename - the new name of a tensor; undefined leaves it out
 */
export async function renamed(
  files: Files,
  rename: (name: string) => string | undefined,
): Promise<Files> {
  const { tensors } = await readSafetensors(files, "model.safetensors");
  const stored: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
  for (const [name, { shape, data }] of tensors) {
    const to = rename(name);
    if (to !== undefined) stored[to] = { shape, data: (await data()) as Float32Array };
  }
  const config = await files.read("config.json");
  const contents = { "config.json": config, "model.safetensors": writeSafetensors(stored) };
  return memoryFiles(contents, files.name);
}
