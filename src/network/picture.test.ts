import { expect, test } from "vitest";

import { expectedPictures, madePicture } from "../../test/golden/pictures/read.ts";
import { pictureForm } from "../checkpoints/picture-form.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { pixelsOf } from "./picture.ts";
import type { PictureForm } from "./picture.ts";

const plain: PictureForm = { scale: 1, mean: [0, 0, 0], std: [1, 1, 1] };
/** Pixels lie on the host already. */
const numbers = (pixels: Tensor): number[] => Array.from(pixels.value!.data as Float32Array);

const { processed } = await expectedPictures();

test.each(processed)("pixels of a picture of $picture are those of transformers", (golden) => {
  const pixels = pixelsOf("test", [madePicture(...golden.picture)], pictureForm(golden.config));
  expect(pixels.shape).toEqual(golden.shape);
  const made = numbers(pixels);
  const error = Math.max(...golden.pixels.map((want, i) => Math.abs(made[i]! - want)));
  // the golden has five places
  expect(error).toBeLessThan(1e-5);
});

test("a transparent pixel is white, whatever colour it has", () => {
  const picture = { width: 1, height: 1, data: Uint8Array.of(10, 20, 30, 0) };
  expect(numbers(pixelsOf("test", [picture], plain))).toEqual([255, 255, 255]);
});

test("pictures of a batch keep their order", () => {
  const one = (value: number) => ({ width: 1, height: 1, data: Uint8Array.of(value, 0, 0) });
  expect(numbers(pixelsOf("test", [one(3), one(4)], plain))).toEqual([3, 0, 0, 4, 0, 0]);
});

test("data that do not fit the size are refused with both", () => {
  const picture = { width: 3, height: 2, data: new Uint8Array(6) };
  expect(() => pixelsOf("resnet", [picture], plain)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: resnet: an image of 3 x 2 pixels has 6 bytes, not 3 or 4 a pixel.
      fix: give { width, height, data } with red, green, blue and, if you like, alpha of every pixel; or pixels as a tensor.]
  `);
});

test("pictures that end up with different sizes are refused", () => {
  expect(() => pixelsOf("resnet", [madePicture(2, 3), madePicture(3, 2)], plain))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: resnet: images of one batch must have one size, but 3 x 2 and 2 x 3 pixels are among them.
      fix: give them one by one.]
  `);
});

test("an empty list is refused", () => {
  expect(() => pixelsOf("resnet", [], plain)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: resnet: the list of images is empty.]`,
  );
});
