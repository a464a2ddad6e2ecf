// From a folder to a network that looks at images and writes.

import type { VisionLanguageFamily } from "../architectures/family.ts";
import type { Files } from "../core/files.ts";
import type { Tree } from "../core/tree.ts";
import { checkVisionLanguageInvariants } from "../network/invariants.ts";
import type { PictureForm } from "../network/picture.ts";
import type { Tokenizer } from "../network/tokenizer.ts";
import type { VisionLanguageConfig } from "../network/vision-language-input.ts";
import { VisionLanguageNetwork } from "../network/vision-language.ts";
import type { Tensor } from "../tensor/tensor.ts";
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

/** A network of a family that looks at images and writes. */
interface VisionLanguageParts<Config extends VisionLanguageConfig> {
  readonly name: string;
  readonly family: VisionLanguageFamily<Config>;
  readonly config: Config;
  readonly params: Tree<Tensor>;
  /** How pictures become pixels. Without it, only pixels are taken. */
  readonly pictures?: PictureForm | undefined;
  readonly tokenizer?: Tokenizer | undefined;
}

/** Makes a network of a family from its parts, for parameters that come from elsewhere than a folder. */
function buildVisionLanguage<Config extends VisionLanguageConfig>(
  parts: VisionLanguageParts<Config>,
): VisionLanguageNetwork {
  const { name, family, config, params, pictures, tokenizer } = parts;
  return new VisionLanguageNetwork({
    name,
    config,
    params,
    look: (p, pixels, tap) => family.look(p, pixels, tap, config),
    predict: (p, inputs, tap) => family.predict(p, inputs, tap, config),
    pictures,
    tokenizer,
    absent: family.absent,
  });
}
