// Opens networks by where they are.

import type { LoadOptions } from "../checkpoints/load.ts";
import { openNetwork } from "../checkpoints/load.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { PlaceOptions } from "./place.ts";
import { openPlace } from "./place.ts";

/**
 * Opens a network that predicts the next token.
 *
 * @param place - `organism:NAME` for a network that comes with PatchClamp; `hf:org/name` or `hf:org/name@revision` for a repository of a
 * model hub, with `:FILE.gguf` behind it for a file of it; a GGUF file; or a folder in Hugging Face layout (in a browser its URL)
 * @throws PatchClampError what `openPlace` and `openNetwork` throw
 */
export async function loadNetwork(
  place: string,
  options: LoadOptions & PlaceOptions = {},
): Promise<LanguageNetwork> {
  const { hub, ...rest } = options;
  const source = await openPlace(place, hub === undefined ? {} : { hub });
  return openNetwork(source, { name: place, ...rest });
}
