// Networks that look at images and write against transformers: the goldens are made by test/golden/make.py.

import { describe, expect, test } from "vitest";

import { openVisionLanguage } from "../src/checkpoints/open-vision-language.ts";
import { concat } from "../src/runtime/index.ts";
import { imagesOf } from "./golden/images.ts";
import { MAX_ABS, values, wrongSites } from "./golden/compare.ts";
import { difference, goldensOf, openGolden, unpad } from "./golden/read.ts";

describe.each(await goldensOf("vision-language"))("%s", async (name) => {
  const golden = await openGolden(name);
  const net = await openVisionLanguage(golden.files);
  const batches = await imagesOf(golden);
  const prompts = [
    (await golden.rows("0/input_ids"))[0]!,
    (await golden.rows("1/input_ids"))[0]!,
  ] as const;

  test.each([0, 1] as const)(
    "of prompt %i every recorded site equals that of transformers",
    async (i) => {
      const { images, sites } = batches[i];
      const out = await net.run({ prompt: prompts[i], images }, { capture: [...sites.keys()] });
      expect(await wrongSites(out, sites)).toEqual([]);
    },
  );

  test("its sites are those of the golden, and each says what it is", () => {
    const own = net.sites();
    expect(own.map((site) => site.name).toSorted()).toEqual(
      [...batches[0].sites.keys()].toSorted(),
    );
    expect(own.filter(({ meaning }) => meaning === "")).toEqual([]);
    expect(own.filter(({ axes, shape }) => axes.length !== shape.length)).toEqual([]);
  });

  test.each([0, 1] as const)(
    "greedy generation from prompt %i gives the tokens of transformers",
    async (i) => {
      const { images } = batches[i];
      const [want] = await golden.rows(`${i}/greedy`);
      const made: number[] = [];
      const options = { maxTokens: want!.length, stop: [] };
      for await (const { id } of net.generate({ prompt: prompts[i], images }, options))
        made.push(id);
      expect(made).toEqual(want);
    },
  );

  test.each(["left", "right"] as const)(
    "rows padded on the %s give the logits of each alone",
    async (padding) => {
      const images = concat([batches[0].images, batches[1].images], { axis: 0 });
      const out = await net.run({ prompt: { prompts: [...prompts], padding }, images });
      const longest = Math.max(...prompts.map((ids) => ids.length));
      for (const [row, ids] of prompts.entries()) {
        const mask = Array.from({ length: longest }, (_, i) =>
          (padding === "left" ? i >= longest - ids.length : i < ids.length) ? 1 : 0,
        );
        const got = unpad("logits", await values(out.logits), row, mask);
        const { maxAbs } = difference("logits", got, batches[row]!.sites.get("logits")!);
        expect(maxAbs).toBeLessThanOrEqual(MAX_ABS);
      }
    },
  );

  test("batched generation of unequal prompts equals one by one", async () => {
    const images = concat([batches[0].images, batches[1].images], { axis: 0 });
    const made: number[][] = [[], []];
    const options = { maxTokens: 8, stop: [] };
    for await (const { row, id } of net.generate({ prompt: [...prompts], images }, options))
      made[row]!.push(id);
    const want = await Promise.all([0, 1].map(async (i) => (await golden.rows(`${i}/greedy`))[0]!));
    expect(made).toEqual(want.map((ids) => ids.slice(0, 8)));
  });
});
