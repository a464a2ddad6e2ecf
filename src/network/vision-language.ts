// Networks that look at images and write: a prompt in which images have places, and images, in; the next token out.

import type { Tree } from "../core/tree.ts";
import { zeros } from "../runtime/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GenerateOptions } from "./generate.ts";
import type { GeneratedToken } from "./open-row.ts";
import { generate, textsOf } from "./generate.ts";
import { imagePixels } from "./images.ts";
import type { Images } from "./images.ts";
import type { Inputs } from "./network.ts";
import { Network } from "./network.ts";
import type { PictureForm } from "./picture.ts";
import { batchInputs, rowsOf, tokenBatch } from "./prompt.ts";
import type { DecoderInputs, TokenBatch } from "./prompt.ts";
import { gatherRows } from "./repeat-rows.ts";
import { checkRow, tokenizerOf } from "./rows.ts";
import type { Tap } from "./tap.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { hasImages, withPlaces } from "./vision-language-input.ts";
import type {
  SeeingInputs,
  VisionLanguageConfig,
  VisionLanguageInput,
} from "./vision-language-input.ts";
import { imageMeanings } from "./vision-sites.ts";

/** What makes a network that looks at images and writes. */
export interface VisionLanguageDefinition {
  readonly name: string;
  readonly config: VisionLanguageConfig;
  readonly params: Tree<Tensor>;
  /** Reads pixels into what stands in the places of image tokens, [image, imageLength, dModel]. */
  readonly look: (params: never, pixels: Tensor, tap: Tap) => Tensor;
  /** Predicts the next token, [batch, pos, dVocab]. */
  readonly predict: (params: never, inputs: SeeingInputs, tap: Tap) => Tensor;
  /** How pictures become pixels. Without it, only pixels are taken. */
  readonly pictures?: PictureForm | undefined;
  /** Needed for text; ids work without. */
  readonly tokenizer?: Tokenizer | undefined;
  readonly absent?: Readonly<Record<string, string>>;
}

/** Inputs of the whole network. */
type Given = Omit<DecoderInputs, "cache"> & { readonly pixels?: Tensor };

/**
 * A network that looks at images and predicts the next token. Sites of its tower for images begin with `vision.`; those of the language
 * network have the names they have without images.
 */
export class VisionLanguageNetwork extends Network<VisionLanguageInput> {
  readonly config: VisionLanguageConfig;
  /** How pictures become pixels; undefined where the checkpoint does not say. */
  readonly pictures: PictureForm | undefined;
  readonly #look: VisionLanguageDefinition["look"];
  readonly #predict: VisionLanguageDefinition["predict"];
  readonly #tokenizer: Tokenizer | undefined;

  constructor(definition: VisionLanguageDefinition) {
    const { name, config, params, look, predict, pictures, tokenizer, absent } = definition;
    super({
      name,
      params,
      config,
      forward: (p: never, { pixels, ...inputs }: Given, tap: Tap) => {
        const features = pixels === undefined ? undefined : look(p, pixels, tap);
        return predict(p, { ...inputs, features }, tap);
      },
      prepare: (given) => {
        const { batch, pixels } = this.#read(given);
        return { ...batchInputs(batch), ...(pixels === undefined ? {} : { pixels }) };
      },
      example: () => ({ prompt: [config.imageToken, 0], images: this.#blank() }),
      ...(absent === undefined ? {} : { absent }),
      meanings: imageMeanings,
    });
    this.config = config;
    this.pictures = pictures;
    this.#look = look;
    this.#predict = predict;
    this.#tokenizer = tokenizer;
  }

  /**
   * The tokenizer.
   *
   * @throws PatchClampError `BAD_INPUT` when the network has none
   */
  get tokenizer(): Tokenizer {
    return tokenizerOf(this.name, this.#tokenizer);
  }

  /** Whether the network reads and writes text. */
  get hasTokenizer(): boolean {
    return this.#tokenizer !== undefined;
  }

  /**
   * Reads a prompt into token ids in which every image has all its places, and pads rows to one length.
   *
   * @throws PatchClampError `BAD_INPUT` when a row is empty or longer than the context, an id is not in the vocabulary, there are not as
   * many image tokens as images, or images are of a form or size that the network does not take
   */
  tokens(given: VisionLanguageInput): TokenBatch {
    return this.#read(given).batch;
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
   * Continues a prompt, token by token. Images are looked at once: what is captured there comes with the first token.
   *
   * @yields one record for every new token; rows of a batch take turns
   */
  async *generate(
    given: VisionLanguageInput,
    options: GenerateOptions = {},
  ): AsyncGenerator<GeneratedToken> {
    const { batch, pixels } = this.#read(given);
    const params = this.params as never;
    const beginning = {
      batch,
      prepare: (tap: Tap): Inputs =>
        pixels === undefined ? {} : { features: this.#look(params, pixels, tap) },
      predict: (inputs: DecoderInputs, { features }: Inputs, tap: Tap) =>
        this.#predict(params, { ...inputs, features }, tap),
      repeat: ({ features }: Inputs, prompts: readonly number[]): Inputs => {
        if (features === undefined) return {};
        const images = imagesOf(batch, this.config);
        const places = prompts.flatMap((prompt) => images[prompt]!);
        return { features: gatherRows(features, places) };
      },
    };
    yield* generate(this, beginning, options);
  }

  /**
   * Continues prompts and returns what was added to each.
   *
   * @returns one text a continuation, those of a prompt in turn
   */
  async complete(given: VisionLanguageInput, options: GenerateOptions = {}): Promise<string[]> {
    const tokens = this.generate(given, options);
    return textsOf(this, this.tokens(given).ids.length, { tokens, count: options.count });
  }

  #blank(): Tensor {
    const { channels, image } = this.config;
    return zeros([1, channels, image.height, image.width]);
  }

  #read(given: VisionLanguageInput): { batch: TokenBatch; pixels?: Tensor } {
    const pixels = hasImages(given) ? this.pixels(given.images) : undefined;
    const { prompts, padding } = rowsOf(hasImages(given) ? given.prompt : given);
    const read = prompts.map((row) => (typeof row === "string" ? this.tokenizer.encode(row) : row));
    const rows = withPlaces(this.name, read, pixels?.shape[0] ?? 0, this.config);
    for (const [i, row] of rows.entries())
      checkRow(this.name, row, rows.length > 1 ? `prompt ${i}` : "the prompt", this.config);
    const filler = this.#tokenizer?.pad ?? this.#tokenizer?.eos ?? 0;
    const batch = tokenBatch(rows, padding, filler);
    return pixels === undefined ? { batch } : { batch, pixels };
  }
}

/** The numbers of each row's images. */
function imagesOf(
  { ids }: TokenBatch,
  { imageToken, imageLength }: VisionLanguageConfig,
): number[][] {
  let seen = 0;
  return ids.map((row) => {
    const count = row.filter((id) => id === imageToken).length / imageLength;
    return Array.from({ length: count }, () => seen++);
  });
}
