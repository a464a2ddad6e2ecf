import { expect, test } from "vitest";

import { imagesOf } from "../../test/golden/images.ts";
import { openGolden } from "../../test/golden/read.ts";
import { renamed } from "../../test/golden/renamed.ts";
import { openVisionLanguage } from "../checkpoints/open-vision-language.ts";
import type { Tensor } from "../runtime/index.ts";

const golden = await openGolden("llava");
const [{ images, sites }] = await imagesOf(golden);
const prompt = await golden.rows("0/input_ids");
const TOWER = "vision_tower.";

async function distance(x: Tensor, want: Float32Array): Promise<number> {
  const data = (await x.data()) as Float32Array;
  return Math.max(...data.map((value, i) => Math.abs(value - want[i]!)));
}

test("it opens under the names of the published checkpoints too", async () => {
  const files = await renamed(golden.files, (name) =>
    name.startsWith(TOWER) ? `${TOWER}vision_model.${name.slice(TOWER.length)}` : name,
  );
  const net = await openVisionLanguage(files);
  const { logits } = await net.run({ prompt, images });
  // as in the parity test
  expect(await distance(logits, sites.get("logits")!.data)).toBeLessThan(1e-4);
});

test("what one prompt sees is not what another sees", async () => {
  const net = await openVisionLanguage(golden.files, { check: false });
  const both = images.concatWith([images.mul(-1)], 0);
  const { logits } = await net.run({ prompt: [...prompt, ...prompt], images: both });
  const rows = [0, 1].map((row) => logits.slice({ axis: 0, start: row, end: row + 1 }));
  expect(await distance(rows[0]!, sites.get("logits")!.data)).toBeLessThan(1e-4);
  expect(await distance(rows[1]!, sites.get("logits")!.data)).toBeGreaterThan(0.01);
});
