// How a checkpoint wants its pictures: preprocessor_config.json or processor_config.json, as transformers 4 and 5 write them.

import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import type { PictureForm } from "../network/picture.ts";
import type { ImageSize } from "../network/resize.ts";

const side = z.int().positive();
const sides = z.strictObject({ height: side, width: side });
const shortest = z.strictObject({ shortest_edge: side });
const channels = z.array(z.number()).length(3);

const keys = {
  image_processor_type: z.string().optional(),
  feature_extractor_type: z.string().optional(),
  do_resize: z.boolean().default(true),
  size: z.union([side, sides, shortest]).optional(),
  // Pillow's numbers
  resample: z
    .union([z.literal(2), z.literal(3)])
    .transform((number) => (number === 2 ? "bilinear" : "bicubic"))
    .optional(),
  do_center_crop: z.boolean().optional(),
  crop_size: z.union([side, sides]).optional(),
  crop_pct: z
    .number()
    .positive()
    .default(224 / 256),
  do_rescale: z.boolean().default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: channels.optional(),
  image_std: channels.optional(),
  do_pad: z.literal(false).default(false),
};

type Keys = z.output<z.ZodObject<typeof keys>>;

const ignored = [
  // every picture becomes RGB here
  "do_convert_rgb",
  "processor_class",
  "_processor_class",
  "_valid_processor_keys",
  // where and in what order arrays lie
  ..."data_format input_data_format device return_tensors default_to_square do_flip_channel_order".split(
    " ",
  ),
  ..."image_seq_length size_divisor disable_grouping pad_size model_input_names auto_map backend".split(
    " ",
  ),
];

/** What a kind of image processor does where the file does not say it. */
interface Defaults {
  readonly size: ImageSize | number;
  /** Whether a size that is one number is that of both sides, and not of the shorter one. */
  readonly squares: boolean;
  readonly filter: "bilinear" | "bicubic";
  readonly crops: boolean;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const half = [0.5, 0.5, 0.5];

const clip: Defaults = {
  size: 224,
  squares: false,
  filter: "bicubic",
  crops: true,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
};

const vit: Defaults = {
  size: square(224),
  squares: true,
  filter: "bilinear",
  crops: false,
  mean: half,
  std: half,
};

/** By the name of the processor without its ending. */
const PROCESSORS: Readonly<Record<string, Defaults>> = {
  ViT: vit,
  DeiT: { ...vit, size: square(256), filter: "bicubic", crops: true },
  CLIP: clip,
  Bit: clip,
  ConvNext: { ...vit, size: 384, squares: false, filter: "bicubic" },
};

/**
 * Reads how pictures become pixels.
 *
 * @param where - the public function reported in an error
 * @returns undefined when the checkpoint does not say it
 * @throws PatchClampError `BAD_FILE` when the file is damaged, `UNSUPPORTED` for a processor or a step that is not computed here
 */
export async function readPictureForm(
  where: string,
  files: Files,
): Promise<PictureForm | undefined> {
  const file = "preprocessor_config.json";
  if (await files.exists(file)) return pictureForm(await readJson(where, files, file), where);
  // where a checkpoint has several processors, transformers 5 writes all into one file
  const shared = "processor_config.json";
  if (!(await files.exists(shared))) return undefined;
  const { image_processor: json } = (await readJson(where, files, shared)) as SharedFile;
  return json === undefined ? undefined : pictureForm(json, where);
}

interface SharedFile {
  readonly image_processor?: unknown;
}

/** How pictures become pixels, from the parsed file; see `readPictureForm`. */
export function pictureForm(json: unknown, where = "pictureForm"): PictureForm {
  const config = readConfig(where, json, { handled: keys, ignored });
  const [name, defaults] = processorOf(where, config);
  const { image_mean: mean = defaults.mean, image_std: std = defaults.std } = config;
  const { size = defaults.size, do_center_crop: crops = defaults.crops } = config;
  const to = target(size, defaults.squares);
  const filter = config.resample ?? defaults.filter;
  return {
    ...(config.do_resize
      ? resizing(name === "ConvNext" ? convNextTarget(to, config.crop_pct) : { to }, filter)
      : {}),
    ...(crops ? { crop: box(config.crop_size ?? 224) } : {}),
    scale: config.do_rescale ? config.rescale_factor : 1,
    mean: config.do_normalize ? mean : [0, 0, 0],
    std: config.do_normalize ? std : [1, 1, 1],
  };
}

function processorOf(where: string, config: Keys): [name: string, defaults: Defaults] {
  const { image_processor_type: type = config.feature_extractor_type } = config;
  const name = type?.replace(/(?:ImageProcessor(?:Fast|Pil)?|FeatureExtractor)$/, "") ?? "";
  const defaults = PROCESSORS[name];
  if (defaults !== undefined) return [name, defaults];
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `preprocessor_config.json asks for the image processor ${JSON.stringify(type ?? null)}, which is not computed here.`,
    fix: `those of ${Object.keys(PROCESSORS).join(", ")} are; or give pixels as a tensor, without this file.`,
    facts: { type },
  });
}

type Steps = Pick<PictureForm, "resize" | "crop">;
type Target = ImageSize | number;

function target(size: NonNullable<Keys["size"]>, squares: boolean): Target {
  if (typeof size === "number") return squares ? square(size) : size;
  return "shortest_edge" in size ? size.shortest_edge : size;
}

function resizing(
  { to, crop }: { to: Target; crop?: ImageSize },
  filter: Defaults["filter"],
): Steps {
  return { resize: { to, filter }, ...(crop === undefined ? {} : { crop }) };
}

/** Small pictures are cut out of the middle of slightly larger ones. */
function convNextTarget(size: Target, part: number): { to: Target; crop?: ImageSize } {
  if (typeof size !== "number") return { to: size };
  if (size >= 384) return { to: square(size) };
  return { to: Math.trunc(size / part), crop: square(size) };
}

function box(size: ImageSize | number): ImageSize {
  return typeof size === "number" ? square(size) : size;
}

function square(side: number): ImageSize {
  return { height: side, width: side };
}
