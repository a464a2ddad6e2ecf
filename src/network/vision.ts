// Networks that look at images: pictures or pixels in, classes or features out. Some read texts too and say how well they fit.

import { PatchClampError } from "../core/errors.ts";
import type { Tree } from "../core/tree.ts";
import { causalBias } from "../nn/masks.ts";
import { zeros } from "../runtime/index.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { imagePixels } from "./images.ts";
import type { Images } from "./images.ts";
import { Network } from "./network.ts";
import type { PictureForm } from "./picture.ts";
import { checkRow, tokenizerOf } from "./rows.ts";
import type { SiteMeanings } from "./sites.ts";
import type { Tap } from "./tap.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { hasTexts } from "./vision-input.ts";
import type {
  ImageInput,
  ImagesAndTexts,
  TextInputs,
  TextSizes,
  VisionConfig,
  VisionInputs,
} from "./vision-input.ts";
import { visionMeanings } from "./vision-sites.ts";

/** What makes a network that looks at images. */
export interface VisionDefinition {
  readonly name: string;
  readonly config: VisionConfig;
  readonly params: Tree<Tensor>;
  readonly forward: (params: never, inputs: VisionInputs, tap: Tap) => Tensor;
  /** How pictures become pixels. Without it, only pixels are taken. */
  readonly pictures?: PictureForm | undefined;
  /** For networks that read: needed for text; ids work without. */
  readonly tokenizer?: Tokenizer | undefined;
  readonly absent?: Readonly<Record<string, string>>;
  readonly meanings?: SiteMeanings;
}

/** One class of an image. */
export interface Classified {
  readonly label: string;
  /** 0..1; those of all classes sum to 1. */
  readonly probability: number;
}

/** A network that looks at images. */
export class VisionNetwork extends Network<ImageInput> {
  readonly config: VisionConfig;
  /** How pictures become pixels; undefined where the checkpoint does not say. */
  readonly pictures: PictureForm | undefined;
  readonly #tokenizer: Tokenizer | undefined;

  constructor(definition: VisionDefinition) {
    const { name, config, params, forward, pictures, tokenizer, absent, meanings } = definition;
    super({
      name,
      params,
      config,
      forward,
      output: config.output,
      prepare: (given) => ({ ...this.#inputs(given) }),
      example: () => this.withAnyText(this.#blank()),
      ...(absent === undefined ? {} : { absent }),
      meanings: { ...visionMeanings(config), ...meanings },
    });
    this.config = config;
    this.pictures = pictures;
    this.#tokenizer = tokenizer;
  }

  /**
   * The tokenizer, of a network that reads.
   *
   * @throws PatchClampError `BAD_INPUT` when the network has none
   */
  get tokenizer(): Tokenizer {
    return tokenizerOf(this.name, this.#tokenizer);
  }

  /** Whether the network reads text. */
  get hasTokenizer(): boolean {
    return this.#tokenizer !== undefined;
  }

  /**
   * Pixels as the network takes them.
   *
   * @returns [batch, channel, height, width]
   * @throws PatchClampError `BAD_INPUT` when images are of a form or size that it does not take
   */
  pixels(images: Images): Tensor {
    return imagePixels(this.name, images, { sizes: this.config, form: this.pictures });
  }

  /**
   * The classes of images, most likely first.
   *
   * @returns for every image its `count` likeliest classes
   * @throws PatchClampError `UNSUPPORTED` when the network tells no classes, and what `pixels` throws
   */
  async classify(images: Images, options: { count?: number } = {}): Promise<Classified[][]> {
    const { count = 5 } = options;
    const { labels } = this.config;
    if (labels.length === 0) {
      throw new PatchClampError("UNSUPPORTED", {
        where: "classify",
        problem: `${this.name} tells no classes; its output is "${this.output}".`,
      });
    }
    const { logits } = await this.run(images);
    const all = (await logits.softmax({ axis: -1 }).data()) as Float32Array;
    return Array.from({ length: logits.shape[0]! }, (_, row) =>
      labels
        .map((label, i) => ({ label, probability: all[row * labels.length + i]! }))
        .toSorted((a, b) => b.probability - a.probability)
        .slice(0, count),
    );
  }

  /**
   * Images in the space that they share with texts, not brought to length 1.
   *
   * @returns [batch, dEmbed]
   * @throws PatchClampError `UNKNOWN_SITE` when the network has no such space, and what `pixels` throws
   */
  async embedImages(images: Images): Promise<Tensor> {
    return (await this.run(this.withAnyText(images), { capture: "image_embeds" })).at(
      "image_embeds",
    );
  }

  /**
   * Texts in the space that they share with images, not brought to length 1.
   *
   * @returns [text, dEmbed]
   * @throws PatchClampError `UNKNOWN_SITE` when the network does not read, `BAD_INPUT` for texts that it does not take
   */
  async embedTexts(texts: ImagesAndTexts["texts"]): Promise<Tensor> {
    const images = this.#blank();
    const given = this.config.reads === undefined ? images : { images, texts };
    return (await this.run(given, { capture: "text_embeds" })).at("text_embeds");
  }

  /** Images with what the network needs beside them, for values that do not depend on texts. */
  withAnyText(images: Images): ImageInput {
    const { reads } = this.config;
    return reads === undefined ? images : { images, texts: [[reads.end ?? 0]] };
  }

  #blank(): Tensor {
    const { channels, image } = this.config;
    return zeros([1, channels, image.height, image.width]);
  }

  #inputs(given: ImageInput): VisionInputs & Partial<TextInputs> {
    const { reads } = this.config;
    if (!hasTexts(given)) {
      if (reads === undefined) return { pixels: this.pixels(given) };
      throw new PatchClampError("BAD_INPUT", {
        where: this.name,
        problem: "it compares images with texts, and no texts were given.",
        fix: "give { images, texts }; embedImages takes images alone.",
      });
    }
    if (reads !== undefined) {
      return { pixels: this.pixels(given.images), ...this.#texts(given.texts, reads) };
    }
    throw new PatchClampError("BAD_INPUT", {
      where: this.name,
      problem: "texts were given, but it does not read.",
      fix: "give the images alone.",
    });
  }

  #texts(texts: ImagesAndTexts["texts"], sizes: TextSizes): TextInputs {
    const list = typeof texts === "string" ? [texts] : texts;
    const rows = list.map((row) => (typeof row === "string" ? this.tokenizer.encode(row) : row));
    if (rows.length === 0) {
      throw new PatchClampError("BAD_INPUT", {
        where: this.name,
        problem: "the list of texts is empty.",
      });
    }
    for (const [i, row] of rows.entries()) {
      const what = rows.length > 1 ? `text ${i}` : "the text";
      checkRow(this.name, row, what, sizes);
      if (sizes.end === undefined || row.includes(sizes.end)) continue;
      throw new PatchClampError("BAD_INPUT", {
        where: this.name,
        problem: `${what} lacks the token ${sizes.end}, whose place stands for the text.`,
        fix: "tokenise it with this network's own tokenizer.",
      });
    }
    return textInputs(rows, sizes);
  }
}

function textInputs(rows: readonly (readonly number[])[], { end }: TextSizes): TextInputs {
  const pos = Math.max(...rows.map((row) => row.length));
  const padded = rows.flatMap((row) => [
    ...row,
    ...Array.from({ length: pos - row.length }, () => 0),
  ]);
  const ends = new Float32Array(rows.length * pos);
  for (const [i, row] of rows.entries()) {
    const place = end === undefined ? row.indexOf(Math.max(...row)) : row.indexOf(end);
    ends[i * pos + place] = 1;
  }
  const places = Int32Array.from({ length: pos }, (_, i) => i);
  return {
    tokens: fromHost(
      Int32Array.from(padded),
      { shape: [rows.length, pos], dtype: "int32" },
      "tokens",
    ),
    positions: fromHost(places, { shape: [1, pos], dtype: "int32" }),
    mask: causalBias(pos),
    ends: fromHost(ends, { shape: [rows.length, 1, pos], dtype: "float32" }),
  };
}
