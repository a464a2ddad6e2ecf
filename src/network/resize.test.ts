import { expect, test } from "vitest";

import { expectedPictures, madePicture } from "../../test/golden/pictures/read.ts";
import { bicubic, bilinear } from "../nn/resampling.ts";
import { resizeBytes } from "./resize.ts";

const { resized } = await expectedPictures();

test.each(resized)("from $from to $to, $filter, the bytes are those of Pillow", (golden) => {
  const { from, to, filter, bytes } = golden;
  const size = { height: to[0], width: to[1] };
  const made = resizeBytes(madePicture(...from), size, filter === "bicubic" ? bicubic : bilinear);
  expect(Array.from(made)).toEqual(bytes);
});
