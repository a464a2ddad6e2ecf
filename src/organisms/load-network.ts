// Opens a network by where it is: a folder, or an organism that comes with the package.

import type { LoadOptions } from "../checkpoints/load.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { PatchClampError } from "../core/errors.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { openFolder } from "../runtime/open-folder.ts";
import { organisms } from "./catalog.ts";

/**
 * Opens a network.
 *
 * @param place - `organism:NAME` for a network that comes with PatchClamp, or a folder in Hugging Face layout (in a browser its URL)
 * @throws PatchClampError `UNKNOWN_NAME` when there is no such organism, and what `openNetwork` throws
 */
export async function loadNetwork(
  place: string,
  options: LoadOptions = {},
): Promise<LanguageNetwork> {
  const organism = /^organism:(.*)$/.exec(place)?.[1];
  if (organism === undefined) return openNetwork(openFolder(place), options);
  const url = organismFolder(organism);
  return openNetwork(openFolder(url), { name: place, ...options });
}

/**
 * Where an organism's files lie, as a URL.
 *
 * @throws PatchClampError `UNKNOWN_NAME` when there is no organism of that name
 */
export function organismFolder(name: string): string {
  if (!organisms.some((organism) => organism.name === name)) {
    throw new PatchClampError("UNKNOWN_NAME", {
      where: "loadNetwork",
      problem: `there is no organism "${name}".`,
      fix: `the organisms are ${organisms.map((organism) => `organism:${organism.name}`).join(", ")}.`,
    });
  }
  return new URL(`../../organisms/${name}`, import.meta.url).href;
}
