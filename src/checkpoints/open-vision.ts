// From a folder to a network that looks at images.

import type { Files } from "../core/files.ts";
import { checkVisionInvariants } from "../network/invariants.ts";
import type { VisionNetwork } from "../network/vision.ts";
import { buildVision } from "./build.ts";
import { familyParts, openSource } from "./load.ts";
import type { LoadOptions } from "./load.ts";
import { readPictureForm } from "./picture-form.ts";

/**
 * Opens a network that looks at images: a folder in Hugging Face layout, with preprocessor_config.json where it takes pictures.
 *
 * @throws PatchClampError what `openSource` and `familyParts` throw, `UNSUPPORTED` for a way to prepare pictures that is not computed here,
 * and `INVARIANT_BROKEN` when the network's own numbers contradict each other
 */
export async function openVision(files: Files, options: LoadOptions = {}): Promise<VisionNetwork> {
  const { name = files.name, check = true } = options;
  const source = await openSource(files);
  const pictures = await readPictureForm("loadVision", files);
  const parts = await familyParts("loadVision", source, "vision");
  const network = buildVision({ name, ...parts, pictures, tokenizer: source.tokenizer });
  if (check) await checkVisionInvariants(network);
  return network;
}
