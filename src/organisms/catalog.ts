// Every organism by its name. Recipes and worlds are loaded when somebody asks for them.

import { PatchClampError } from "../core/errors.ts";
import { nearest } from "../core/text.ts";
import type { Organism } from "./organism.ts";

const loaders = {
  stories: async () => (await import("./stories.ts")).stories,
  language: async () => (await import("./language.ts")).language,
  "language-gpt2": async () => (await import("./language-gpt2.ts")).languageGpt2,
  "language-moe": async () => (await import("./language-moe.ts")).languageMoe,
  "language-mamba": async () => (await import("./language-mamba.ts")).languageMamba,
  "language-mamba2": async () => (await import("./language-mamba.ts")).languageMamba2,
  "language-encoder": async () => (await import("./language-encoder.ts")).languageEncoder,
  "language-seq2seq": async () => (await import("./language-seq2seq.ts")).languageSeq2Seq,
  "language-trace": async () => (await import("./language-trace.ts")).languageTrace,
  induction: async () => (await import("./small/induction.ts")).induction,
  "modular-addition": async () => (await import("./small/modular-addition.ts")).modularAddition,
  "shapes-cnn": async () => (await import("./shapes-cnn.ts")).shapesCnn,
  "shapes-vit": async () => (await import("./shapes-vit.ts")).shapesVit,
  "shapes-mae": async () => (await import("./shapes-mae.ts")).shapesMae,
  "vision-language": async () => (await import("./vision-language.ts")).visionLanguage,
} satisfies Record<string, () => Promise<Organism>>;

/** The names of all organisms, as in `organism:NAME`. */
export const organismNames: readonly string[] = Object.keys(loaders);

/**
 * The recipe and the skills of an organism.
 *
 * @throws PatchClampError `UNKNOWN_NAME` when there is no organism of that name
 */
export async function organismNamed(name: string): Promise<Organism> {
  requireOrganism("organismNamed", name);
  return loaders[name as keyof typeof loaders]();
}

/** Every organism, in the order of their names' list. */
export async function allOrganisms(): Promise<Organism[]> {
  return Promise.all(organismNames.map(organismNamed));
}

/**
 * Refuses what is not the name of an organism.
 *
 * @throws PatchClampError `UNKNOWN_NAME`
 */
export function requireOrganism(where: string, name: string): void {
  if (organismNames.includes(name)) return;
  throw new PatchClampError("UNKNOWN_NAME", {
    where,
    problem: `there is no organism "${name}".`,
    fix: `the nearest are ${nearest(name, organismNames).join(", ")}; \`patchclamp organisms\` lists all.`,
  });
}
