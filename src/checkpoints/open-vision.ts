// From a folder to a network that looks at images.

import type { VisionFamily } from "../architectures/family.ts";
import type { Files } from "../core/files.ts";
import type { Tree } from "../core/tree.ts";
import { checkVisionInvariants } from "../network/invariants.ts";
import type { PictureForm } from "../network/picture.ts";
import type { Tokenizer } from "../network/tokenizer.ts";
import type { VisionConfig } from "../network/vision-input.ts";
import { VisionNetwork } from "../network/vision.ts";
import type { Tensor } from "../tensor/tensor.ts";
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

/** A network of a family that looks at images. */
interface VisionParts<Config extends VisionConfig> {
  readonly name: string;
  readonly family: VisionFamily<Config>;
  readonly config: Config;
  readonly params: Tree<Tensor>;
  /** How pictures become pixels. Without it, only pixels are taken. */
  readonly pictures?: PictureForm | undefined;
  readonly tokenizer?: Tokenizer | undefined;
}

/** Makes a network of a family from its parts, for parameters that come from elsewhere than a folder. */
function buildVision<Config extends VisionConfig>(parts: VisionParts<Config>): VisionNetwork {
  const { name, family, config, params, pictures, tokenizer } = parts;
  const { absent, meanings } = family;
  return new VisionNetwork({
    name,
    config,
    params,
    forward: (p, inputs, tap) => family.forward(p, inputs, tap, config),
    pictures,
    tokenizer,
    absent,
    ...(meanings === undefined ? {} : { meanings }),
  });
}
