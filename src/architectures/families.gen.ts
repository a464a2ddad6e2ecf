// Made by scripts/generate-families.mjs from the files of this folder; do not edit.

import type { AnyFamily } from "./family.ts";

/** Loads the family of an architecture. */
// oxfmt-ignore
export const familyLoaders = {
  GPT2LMHeadModel: () => import("./gpt2.ts").then((m) => m.gpt2Family as unknown as AnyFamily),
  LlamaForCausalLM: () => import("./llama.ts").then((m) => m.llamaFamily as unknown as AnyFamily),
} satisfies Record<string, () => Promise<AnyFamily>>;
