import type { ArchitectureFamily } from "./family.ts";
import { gpt2Family } from "./gpt2.ts";
import { llamaFamily } from "./llama.ts";

/** Every family, found by what config.json calls it. */
export const families = [gpt2Family, llamaFamily] as unknown as readonly ArchitectureFamily[];

export { gpt2, gpt2Family, type Gpt2Params } from "./gpt2.ts";
export { llama, llamaFamily, type LlamaParams } from "./llama.ts";
export { gpt2Config, type Gpt2Config } from "./gpt2-config.ts";
export { llamaConfig, type LlamaConfig } from "./llama-config.ts";
export type { ArchitectureFamily, ParamEntry } from "./family.ts";
