import { expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { openEncoder } from "../checkpoints/open-encoder.ts";
import type { EncoderNetwork } from "../network/encoder.ts";
import { bertConfig } from "./bert-config.ts";
import type { BertParams } from "./bert.ts";
import { bertFamily, distilbertFamily, robertaFamily } from "./bert.ts";

const encoder = async (name: string): Promise<EncoderNetwork> =>
  openEncoder((await openGolden(name)).files, { check: false });

test("the stream after a block has mean 0 and variance 1 before gain and bias, and is what the next block reads", async () => {
  const net = await encoder("bert");
  const out = await net.run([3, 4, 5], {
    capture: ["blocks.0.*", "blocks.1.resid_pre", "blocks.0.*.*"],
  });
  expect([...(await out.at("blocks.1.resid_pre").numbers())]).toEqual([
    ...(await out.at("blocks.0.resid_post").numbers()),
  ]);
  const normalized = out.at("blocks.0.ln2.normalized");
  for (const mean of await normalized.mean({ axis: -1 }).numbers()) expect(mean).toBeCloseTo(0, 5);
  // epsilon 1e-5 beside variances of order 1
  for (const square of await normalized.square().mean({ axis: -1 }).numbers())
    expect(square).toBeCloseTo(1, 3);
});

test("RoBERTa's first position is the row after that of padding", async () => {
  const net = await encoder("roberta");
  const { posEmbed } = net.params as unknown as BertParams;
  const rows = Array.from(await posEmbed.numbers());
  const places = await (await net.run([3, 4], { capture: "pos_embed" })).at("pos_embed").numbers();
  expect([...places]).toEqual(rows.slice(2 * 16, 4 * 16));
});

test("every architecture has the head that its name tells", () => {
  const heads = (names: readonly string[]): string[] =>
    names.map((name) => bertConfig({ architectures: [name] }).head);
  expect(heads(bertFamily.architectures)).toEqual(["none", "masked", "classes", "tags"]);
  expect(heads(distilbertFamily.architectures)).toEqual(["none", "masked", "classes", "tags"]);
  expect(heads(robertaFamily.architectures)).toHaveLength(8);
});

test("the pooler of a DistilBERT classifier is never negative, and BERT's lies between -1 and 1", async () => {
  const pooler = async (name: string): Promise<number[]> => [
    ...(await (
      await (await encoder(name)).run([3, 4, 5], { capture: "pooler" })
    )
      .at("pooler")
      .numbers()),
  ];
  const relu = await pooler("distilbert-classes");
  expect(Math.min(...relu)).toBe(0);
  expect(Math.max(...relu)).toBeGreaterThan(0);
  const tanh = await pooler("bert-classes");
  expect(Math.min(...tanh)).toBeGreaterThan(-1);
  expect(Math.min(...tanh)).toBeLessThan(0);
});
