// From a folder to a network that looks at images and writes.

import type { Files } from "../core/files.ts";
import { checkVisionLanguageInvariants } from "../network/invariants.ts";
import type { VisionLanguageNetwork } from "../network/vision-language.ts";
import { buildVisionLanguage } from "./build.ts";
import { familyParts, openSource } from "./load.ts";
import type { LoadOptions } from "./load.ts";
import { readPictureForm } from "./picture-form.ts";

/**
 * Opens a network that looks at images and writes, such as LLaVA: a folder in Hugging Face layout, with preprocessor_config.json where it
 * takes pictures.
 *
 * @throws PatchClampError what `openSource` and `familyParts` throw, `UNSUPPORTED` for a way to prepare pictures that is not computed here,
 * and `INVARIANT_BROKEN` when the network's own numbers contradict each other
 */
export async function openVisionLanguage(
  files: Files,
  options: LoadOptions = {},
): Promise<VisionLanguageNetwork> {
  const { name = files.name, check = true } = options;
  const source = await openSource(files);
  const pictures = await readPictureForm("loadVisionLanguage", files);
  const parts = await familyParts("loadVisionLanguage", source, "vision-language");
  const network = buildVisionLanguage({ name, ...parts, pictures, tokenizer: source.tokenizer });
  if (check) await checkVisionLanguageInvariants(network);
  return network;
}
