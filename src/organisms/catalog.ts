// Every organism by its name. Recipes and worlds are loaded when somebody asks for them.

import { PatchClampError } from "../core/errors.ts";
import type { Organism } from "./organism.ts";

const loaders = {
  stories: async () => (await import("./stories.ts")).stories,
  language: async () => (await import("./language.ts")).language,
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
    fix: `the organisms are ${organismNames.map((known) => `organism:${known}`).join(", ")}.`,
  });
}
