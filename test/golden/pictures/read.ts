// Reads what make.py wrote: what Pillow and transformers make of pictures.

import { readJson } from "../../../src/core/files.ts";
import type { Picture } from "../../../src/network/picture.ts";
import { openFolder } from "../../../src/runtime/open-folder.ts";
import { madeUp } from "../weights.ts";

type Sides = readonly [height: number, width: number];

interface Expected {
  readonly resized: readonly {
    readonly from: Sides;
    readonly to: Sides;
    readonly filter: "bilinear" | "bicubic";
    readonly bytes: readonly number[];
  }[];
  readonly processed: readonly {
    readonly picture: readonly [height: number, width: number, channels: number];
    /** preprocessor_config.json */
    readonly config: Readonly<Record<string, unknown>>;
    readonly shape: readonly number[];
    readonly pixels: readonly number[];
  }[];
}

/** What make.py found. */
export async function expectedPictures(): Promise<Expected> {
  const folder = openFolder(new URL(".", import.meta.url).href);
  return (await readJson("test", folder, "expected.json")) as Expected;
}

/** The picture that make.py makes of a size. */
export function madePicture(height: number, width: number, channels = 3): Picture {
  const name = `${height}x${width}x${channels}`;
  const { data } = madeUp({ [name]: [[height, width, channels], 0.5, 0.5] }, "0")[name]!;
  return { width, height, data: Uint8Array.from(data, (x) => Math.min(255, Math.floor(x * 256))) };
}
