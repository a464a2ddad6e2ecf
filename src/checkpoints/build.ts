// Makes networks of their parts, wherever the parameters come from: a folder, or training.

import type { AnyFamily, DecoderFamily } from "../architectures/family.ts";
import type { Tree } from "../core/tree.ts";
import { EncoderNetwork } from "../network/encoder.ts";
import type { SentenceForm } from "../network/encoder.ts";
import { LanguageNetwork } from "../network/language.ts";
import type { PictureForm } from "../network/picture.ts";
import type { DecoderConfig } from "../network/prompt.ts";
import { Seq2SeqNetwork } from "../network/seq2seq.ts";
import type { Tokenizer } from "../network/tokenizer.ts";
import { VisionLanguageNetwork } from "../network/vision-language.ts";
import { VisionNetwork } from "../network/vision.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The family of one kind. */
export type FamilyOf<K extends AnyFamily["kind"]> = Extract<AnyFamily, { kind: K }>;

/** What every network is made of. */
interface Parts<Family, Config> {
  readonly name: string;
  readonly family: Family;
  readonly config: Config;
  readonly params: Tree<Tensor>;
  readonly tokenizer?: Tokenizer | undefined;
}

/** What a network of one kind is made of. */
export type PartsOf<K extends AnyFamily["kind"]> = Parts<
  FamilyOf<K>,
  ReturnType<FamilyOf<K>["config"]>
>;

/** A network that predicts the next token, of a family. */
export type NetworkParts<Config extends DecoderConfig> = Parts<DecoderFamily<Config>, Config>;

/** Makes a network of a family from its parts, for parameters that come from elsewhere than a folder. */
export function buildNetwork<Config extends DecoderConfig>(
  parts: NetworkParts<Config>,
): LanguageNetwork {
  const { family, config, ...rest } = parts;
  return new LanguageNetwork({
    ...rest,
    config,
    forward: (p, inputs, tap) => family.forward(p, inputs, tap, config),
    absent: family.absent,
  });
}

/** Makes a text encoder of its parts; `sentences` says how a text becomes one vector. */
export function buildEncoder(
  parts: PartsOf<"encoder"> & { readonly sentences?: SentenceForm | undefined },
): EncoderNetwork {
  const { family, config, sentences, ...rest } = parts;
  return new EncoderNetwork({
    ...rest,
    config,
    forward: (p, inputs, tap) => family.forward(p, inputs, tap, config),
    ...peculiarities(family),
    ...(sentences === undefined ? {} : { sentences }),
  });
}

/** Makes an encoder-decoder of its parts. */
export function buildSeq2Seq(parts: PartsOf<"seq2seq">): Seq2SeqNetwork {
  const { family, config, ...rest } = parts;
  return new Seq2SeqNetwork({
    ...rest,
    config,
    encode: (p, inputs, tap) => family.encode(p, inputs, tap, config),
    decode: (p, inputs, tap) => family.decode(p, inputs, tap, config),
    ...peculiarities(family),
  });
}

/** How pictures become pixels; without it, a network takes only pixels. */
export interface Seeing {
  readonly pictures?: PictureForm | undefined;
}

/** Makes a network that looks at images of its parts. */
export function buildVision(parts: PartsOf<"vision"> & Seeing): VisionNetwork {
  const { family, config, ...rest } = parts;
  return new VisionNetwork({
    ...rest,
    config,
    forward: (p, inputs, tap) => family.forward(p, inputs, tap, config),
    ...peculiarities(family),
  });
}

/** Makes a network that looks at images and writes of its parts. */
export function buildVisionLanguage(
  parts: PartsOf<"vision-language"> & Seeing,
): VisionLanguageNetwork {
  const { family, config, ...rest } = parts;
  return new VisionLanguageNetwork({
    ...rest,
    config,
    look: (p, pixels, tap) => family.look(p, pixels, tap, config),
    predict: (p, inputs, tap) => family.predict(p, inputs, tap, config),
    absent: family.absent,
  });
}

function peculiarities<F extends FamilyOf<"encoder" | "seq2seq" | "vision">>({
  absent,
  meanings,
}: F): Pick<F, "absent"> & { meanings?: NonNullable<F["meanings"]> } {
  return { absent, ...(meanings === undefined ? {} : { meanings }) };
}
