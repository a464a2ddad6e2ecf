import type { Organism } from "./organism.ts";
import { stories } from "./stories.ts";

/** Every organism. */
export const organisms: readonly Organism[] = [stories];
