import { expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openSeq2Seq } from "../checkpoints/open-seq2seq.ts";
import type { Seq2SeqNetwork } from "../network/seq2seq.ts";
import { tensor } from "../runtime/index.ts";
import type { T5Params } from "./t5.ts";

const given = { source: [2, 60, 28, 71, 17], target: [1, 17, 60, 5] };
// float32, of order 1
const TOLERANCE = 1e-5;

async function opened(name: string): Promise<Seq2SeqNetwork> {
  return openSeq2Seq((await openGolden(name)).files, { check: false });
}

test.each(["encoder", "decoder"] as const)(
  "all layers of the %s add the same bias by distance to their scores",
  async (stack) => {
    const net = await opened("t5");
    const pass = await net.run(given, { capture: `${stack}.blocks.*.attn.*` });
    const bias = [0, 1].map((layer) => {
      const at = (site: string) => pass.at(`${stack}.blocks.${layer}.attn.${site}`);
      const [q, k] = [at("q").transpose([0, 2, 1, 3]), at("k").transpose([0, 2, 3, 1])];
      return at("scores").sub(q.matmul(k));
    });
    // the first column: what no query is hidden from
    const [first, second] = await Promise.all(
      bias.map((all) => all.slice({ axis: 3, end: 1 }).numbers()),
    );
    expect(maxDifference(first!, second!)).toBeLessThanOrEqual(TOLERANCE);
    const { distance } = (net.params as unknown as T5Params)[stack];
    const table = await distance.numbers();
    // the query at the key itself has distance 0, whose bucket is the first
    expect(Math.abs(first![0]! - table[0]!)).toBeLessThanOrEqual(TOLERANCE);
    expect(new Set(Array.from(first!, (x) => x.toFixed(3))).size).toBeGreaterThan(4);
  },
);

test("keys that are all far off on one side have one bias", async () => {
  const net = await opened("t5");
  const source = Array.from({ length: 40 }, (_, i) => 4 + i);
  const pass = await net.run({ ...given, source }, { capture: "encoder.blocks.0.attn.*" });
  const at = (site: string) => pass.at(`encoder.blocks.0.attn.${site}`);
  const products = at("q")
    .transpose([0, 2, 1, 3])
    .matmul(at("k").transpose([0, 2, 3, 1]));
  const first = at("scores").sub(products).slice({ axis: 1, end: 1 }).slice({ axis: 2, end: 1 });
  const bias = await first.numbers();
  const far = Array.from(bias.slice(12), () => bias[12]!);
  expect(maxDifference(bias.slice(12), far)).toBeLessThanOrEqual(TOLERANCE);
  expect(Math.abs(bias[12]! - bias[1]!)).toBeGreaterThan(0.01);
});

test("tied outputs are scaled by the root of the width, a matrix of its own is not", async () => {
  for (const [name, scale] of [
    ["t5", 16 ** -0.5],
    ["flan-t5", 1],
  ] as const) {
    const net = await opened(name);
    const { embed, unembed, decoder } = net.params as unknown as T5Params;
    const capture = ["decoder.ln_final.normalized", "logits"];
    const pass = await net.run(given, { capture });
    const last = pass.at("decoder.ln_final.normalized").mul(decoder.lnFinal.weight);
    const want = last.mul(scale).linear(unembed ?? embed);
    expect(unembed === undefined).toBe(name === "t5");
    const off = maxDifference(await pass.logits.numbers(), await want.numbers());
    expect(off).toBeLessThanOrEqual(TOLERANCE);
  }
});

test("a head of cross attention that is held to one token of the source reads its value alone", async () => {
  const net = await opened("flan-t5");
  const site = "decoder.blocks.0.cross.pattern";
  const one = tensor([0, 0, 1, 0, 0]);
  const pass = await net.run(given, {
    edit: { [site]: (pattern) => pattern.mul(0).add(one) },
    capture: ["decoder.blocks.0.cross.z", "decoder.blocks.0.cross.v"],
  });
  const v = await pass
    .at("decoder.blocks.0.cross.v")
    .slice({ axis: 1, start: 2, end: 3 })
    .numbers();
  const z = await pass.at("decoder.blocks.0.cross.z").numbers();
  const want = Array.from({ length: given.target.length }, () => [...v]).flat();
  expect(maxDifference(z, want)).toBeLessThanOrEqual(TOLERANCE);
});

test("sites that it lacks are refused with the reason", async () => {
  const net = await opened("t5");
  await expect(net.run(given, { capture: "encoder.blocks.0.cross_out" })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: t5 has no site "encoder.blocks.0.cross_out": the encoder looks at nothing but the source itself.
      fix: the nearest are "decoder.blocks.0.cross_out", "decoder.blocks.1.cross_out", "encoder.blocks.0.attn_out"; all 90 are listed by \`patchclamp sites\`.]
  `);
  await expect(net.run(given, { capture: "decoder.blocks.2.attn.z" })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: t5 has no site "decoder.blocks.2.attn.z": its decoder.blocks are 0..1.
      fix: the nearest are "decoder.blocks.0.attn.z", "decoder.blocks.1.attn.z", "decoder.blocks.0.attn.k"; all 90 are listed by \`patchclamp sites\`.]
  `);
  await expect(net.run(given, { capture: "decoder.pos_embed" })).rejects.toThrow(
    "T5 has no positions but the distances in its attention scores",
  );
});
