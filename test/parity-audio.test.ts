// Every network that listens against transformers: the goldens are made by test/golden/make.py.

import { describe, expect, test } from "vitest";

import { openAudio } from "../src/checkpoints/open-audio.ts";
import type { Tensor } from "../src/runtime/index.ts";
import { MAX_ABS, values, wrongSites } from "./golden/compare.ts";
import { difference, goldensOf, openGolden } from "./golden/read.ts";
import { recordingsOf } from "./golden/recordings.ts";

/** The part of a padded batch that belongs to one recording: the beginning of every axis, as padding is at the end. */
function own(batched: Tensor, row: number, shape: readonly number[]): Tensor {
  return shape
    .slice(1)
    .reduce(
      (part, end, i) => part.slice({ axis: i + 1, end }),
      batched.slice({ axis: 0, start: row, end: row + 1 }),
    );
}

describe.each(await goldensOf("audio"))("%s", (name) => {
  test("every site and the outputs equal those of transformers", async () => {
    const golden = await openGolden(name);
    const net = await openAudio(golden.files);
    const listed = net.sites().map((site) => site.name);
    const recordings = await recordingsOf(golden);
    expect(listed.toSorted()).toEqual([...recordings[0].sites.keys()].toSorted());
    for (const { samples, sites } of recordings) {
      const out = await net.run(samples, { capture: [...sites.keys()] });
      expect(await wrongSites(out, sites)).toEqual([]);
    }
  });

  test("a padded row gives the numbers of its recording alone where padding is hidden, else those of the zeros", async () => {
    const golden = await openGolden(name);
    const net = await openAudio(golden.files, { check: false });
    const recordings = await recordingsOf(golden);
    const [short, long] = recordings;
    const out = await net.run([short.samples, long.samples], { capture: [...short.sites.keys()] });
    const wrong: string[] = [];
    for (const [row, { sites }] of recordings.entries()) {
      for (const [site, want] of sites) {
        const got = await values(own(out.at(site), row, want.shape));
        const { maxAbs } = difference(site, got, want);
        if (!(maxAbs <= MAX_ABS)) wrong.push(`${row}: ${site}`);
      }
    }
    const isHeard = !net.config.hidesPadding;
    // the zeros act from the norm of the first convolution on
    expect(wrong.includes("0: features.0.ln.normalized")).toBe(isHeard);
    expect(wrong.includes("0: hidden")).toBe(isHeard);
    expect(wrong.filter((site) => !isHeard || site.startsWith("1"))).toEqual([]);
  });
});
