import { expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openSeq2Seq } from "../checkpoints/open-seq2seq.ts";
import { checkSeq2SeqInvariants } from "../network/invariants.ts";
import type { Seq2SeqNetwork } from "../network/seq2seq.ts";
import type { BartParams } from "./bart.ts";

const given = { source: [2, 60, 28, 71, 17], target: [3, 17, 60, 5] };
// float32, of order 1
const TOLERANCE = 1e-5;

async function opened(name: string): Promise<Seq2SeqNetwork> {
  return openSeq2Seq((await openGolden(name)).files, { check: false });
}

test("position i of source and target has row i + 2 of its table", async () => {
  const net = await opened("bart");
  const params = net.params as unknown as BartParams;
  const pass = await net.run(given, { capture: ["encoder.pos_embed", "decoder.pos_embed"] });
  for (const [stack, { length }] of [
    ["encoder", given.source],
    ["decoder", given.target],
  ] as const) {
    const places = await pass.at(`${stack}.pos_embed`).numbers();
    const rows = params[stack].posEmbed.slice({ axis: 0, start: 2, end: 2 + length });
    expect(maxDifference(places, await rows.numbers())).toBe(0);
  }
});

test("scaled embeddings are the table's rows times the root of the width, others the rows", async () => {
  for (const [name, scale] of [
    ["bart", 1],
    ["bart-scaled", 4],
  ] as const) {
    const net = await opened(name);
    const { embed } = net.params as unknown as BartParams;
    const table = await embed.numbers();
    const found = (await net.run(given, { capture: "decoder.embed" })).at("decoder.embed");
    const want = given.target.flatMap((id) =>
      Array.from(table.slice(16 * id, 16 * (id + 1)), (x) => scale * x),
    );
    expect(maxDifference(await found.numbers(), want)).toBeLessThanOrEqual(TOLERANCE);
  }
});

test("the bias of the logits is added to them", async () => {
  const net = await opened("bart");
  const { embed, logitsBias } = net.params as unknown as BartParams;
  const last = "decoder.blocks.1.resid_post";
  const pass = await net.run(given, { capture: [last, "logits"] });
  const bias = pass.logits.sub(pass.at(last).linear(embed)).slice({ axis: 1, end: 1 });
  const off = maxDifference(await bias.numbers(), await logitsBias!.numbers());
  expect(off).toBeLessThanOrEqual(TOLERANCE);
  expect(await logitsBias!.abs().max().item()).toBeGreaterThan(0.1);
});

test("the stream between modules is normalised, so that no block is checked to be a sum", async () => {
  const net = await opened("bart");
  const claims = (await checkSeq2SeqInvariants(net)).map(({ claim }) => claim);
  expect(claims).not.toContain("resid_pre and what the block writes is resid_post");
  expect(claims).toContain("pattern times values is z");
  const names = ["decoder.blocks.0.ln_cross.normalized", "decoder.blocks.0.resid_cross"];
  const pass = await net.run(given, { capture: names });
  const { weight, bias } = (net.params as unknown as BartParams).decoder.blocks[0]!.lnCross;
  const want = pass.at(names[0]!).mul(weight).add(bias!);
  const off = maxDifference(await pass.at(names[1]!).numbers(), await want.numbers());
  expect(off).toBeLessThanOrEqual(TOLERANCE);
});

test("a final norm is refused with the reason", async () => {
  const net = await opened("bart");
  await expect(net.run(given, { capture: "encoder.ln_final.normalized" })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: bart has no site "encoder.ln_final.normalized": the norm of the last block is the last one.
      fix: the nearest are "encoder.ln_embed.normalized", "decoder.ln_embed.normalized", "encoder.blocks.0.ln1.normalized"; all 76 are listed by \`patchclamp sites\`.]
  `);
});

test("a target beyond the table of positions is refused", async () => {
  const net = await opened("bart");
  const target = Array.from({ length: 33 }, () => 5);
  expect(() => net.tokens({ ...given, target })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: bart: target has 33 tokens, but the context holds 32.
      fix: shorten it.]
  `);
});
