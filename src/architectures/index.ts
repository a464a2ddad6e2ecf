import { PatchClampError } from "../core/errors.ts";
import type { ArchitectureFamily } from "./family.ts";
import { gpt2Family } from "./gpt2.ts";
import { llamaFamily } from "./llama.ts";

/** Every family, found by what config.json calls it. */
export const families = [gpt2Family, llamaFamily] as unknown as readonly ArchitectureFamily[];

/**
 * The family that a config names.
 *
 * @param where - the public function reported in an error
 * @param folder - whose config it is, for the error
 * @param json - the parsed config.json
 * @throws PatchClampError `UNSUPPORTED` when it names another architecture, or none
 */
export function familyOf(where: string, folder: string, json: unknown): ArchitectureFamily {
  const names = (json as { architectures?: unknown })?.architectures;
  const [architecture] = Array.isArray(names) ? names : [];
  const family = families.find((candidate) => candidate.architecture === architecture);
  if (family !== undefined) return family;
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `config.json of ${folder} names the architecture ${JSON.stringify(architecture ?? null)}, which PatchClamp does not compute.`,
    fix: `it computes ${families.map((candidate) => candidate.architecture).join(" and ")}.`,
    facts: { architecture },
  });
}

export { gpt2, gpt2Family, type Gpt2Params } from "./gpt2.ts";
export { llama, llamaFamily, type LlamaParams } from "./llama.ts";
export { gpt2Config, type Gpt2Config } from "./gpt2-config.ts";
export { llamaConfig, type LlamaConfig } from "./llama-config.ts";
export type { ArchitectureFamily, ParamEntry } from "./family.ts";
