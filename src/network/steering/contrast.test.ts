import { expect, test } from "vitest";

import { maxDifference, tinyNetwork } from "../../../test/tiny.ts";
import { Rng } from "../../core/rng.ts";
import { makeTokenizer } from "../../checkpoints/tokenizer/tokenizer.ts";
import { LanguageNetwork } from "../language.ts";
import type { ReadAt } from "./contrast.ts";
import {
  checkPaired,
  chunksOf,
  contrastActivations,
  contrastRows,
  splitContrast,
} from "./contrast.ts";

const words = Array.from({ length: 19 }, (_, i) => `w${i}`);
const sites = ["blocks.0.resid_post", "blocks.1.mlp_out"];
const pairs = [
  { prompt: "w1 w2", positive: " w3", negative: " w4 w5" },
  { prompt: "w6", positive: " w7 w8 w9", negative: " w10" },
];

/** The mean over some positions of one text that is run alone. */
async function alone(
  net: LanguageNetwork,
  text: string,
  { site, from, to }: { site: string; from: number; to?: number },
): Promise<Float32Array | Float64Array> {
  const values = (await net.run(text, { capture: site })).at(site);
  const part = values.slice({ axis: 1, start: from, ...(to === undefined ? {} : { end: to }) });
  return part.mean({ axis: 1 }).numbers();
}

test.each<[ReadAt, (length: number, answer: number) => number]>([
  ["last", (length) => length - 1],
  ["answer", (_, answer) => answer],
  ["all", () => 1], // <bos> stands first
])("read at %s, texts of a batch give what they give alone", async (read, from) => {
  const net = await tinyNetwork("gpt2", { words });
  const rows = contrastRows("test", net, { pairs });
  const found = await contrastActivations(net, rows, { where: "test", sites, read });
  for (const site of sites) {
    for (const kind of ["positive", "negative"] as const) {
      for (const [i, pair] of pairs.entries()) {
        const text = pair.prompt + pair[kind];
        const { ids, answer } = rows[kind][i]!;
        const expected = await alone(net, text, { site, from: from(ids.length, answer!) });
        // float32 sums over the width in another order, since padding changes the graph
        expect(maxDifference(found.get(site)![kind][i]!, expected)).toBeLessThan(1e-5);
      }
    }
  }
});

test("an answer begins after its prompt, with the token that holds its first letter", async () => {
  const net = await tinyNetwork("gpt2", { words });
  const rows = contrastRows("test", net, { pairs });
  expect(rows.positive.map(({ answer }) => answer)).toEqual([3, 2]);
  expect(rows.negative.map(({ ids, answer }) => ids.length - answer!)).toEqual([2, 1]);
});

test("a token that joins the end of a prompt with its answer is the answer's", async () => {
  const { config, params, forward } = await tinyNetwork("gpt2");
  const tokenizer = makeTokenizer("joining", {
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: false },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab: { a: 0, b: 1, Ġ: 2, Ġb: 3, ab: 4 }, merges: ["Ġ b", "a b"] },
  });
  const net = new LanguageNetwork({ name: "joining", config, params, forward, tokenizer });
  const answersOf = (prompt: string, positive: string): string => {
    const rows = contrastRows("test", net, { pairs: [{ prompt, positive, negative: "b" }] });
    const { ids, answer } = rows.positive[0]!;
    return tokenizer.decode(ids.slice(answer));
  };
  expect(answersOf("a", " b")).toBe(" b");
  expect(answersOf("a ", "b")).toBe(" b");
  expect(answersOf("a ", "a")).toBe("a");
  expect(answersOf("ba", "ba")).toBe("aba");
});

test("a split holds out the share asked for, keeps pairs together, and is the seed's alone", async () => {
  const net = await tinyNetwork("gpt2", { words });
  const texts = words.slice(0, 8);
  const rows = contrastRows("test", net, {
    positive: texts,
    negative: texts.map((word) => `${word} w18`),
  });
  const split = (seed: number) => splitContrast(rows, { share: 0.4, least: 0, rng: new Rng(seed) });
  const { learn, check } = split(1);
  expect([learn.positive.length, check.positive.length]).toEqual([5, 3]);
  const first = (side: (typeof learn)["positive"]): number[] => side.map(({ ids }) => ids[1]!);
  expect(first(check.positive)).toEqual(first(check.negative));
  expect(first(learn.positive)).toEqual(first(learn.negative));
  const all = [...first(learn.positive), ...first(check.positive)];
  expect(new Set(all).size).toBe(8);
  expect(split(1)).toEqual({ learn, check });
  const others = [2, 3, 4, 5].map((seed) => first(split(seed).check.positive).join());
  expect(others).not.toEqual(others.map(() => first(check.positive).join()));
});

test("chunks hold every row once and no more tokens than fit, but for rows that are longer alone", () => {
  const rng = new Rng(6);
  const rows = Array.from({ length: 40 }, () => ({
    ids: Array.from({ length: 1 + rng.below(30) }, () => 0),
    answer: undefined,
  }));
  const chunks = chunksOf(rows, 25);
  expect(chunks.flat().toSorted((a, b) => a - b)).toEqual(rows.map((_, i) => i));
  for (const chunk of chunks) {
    const longest = Math.max(...chunk.map((i) => rows[i]!.ids.length));
    expect(chunk.length === 1 || chunk.length * longest <= 25).toBe(true);
  }
  expect(chunks.length).toBeLessThan(rows.length);
});

test("contrasts that cannot be read are refused", async () => {
  const net = await tinyNetwork("gpt2", { words });
  const read = (contrast: Parameters<typeof contrastRows>[2]) => () =>
    contrastRows("learnDirection", net, contrast);
  expect(read({ positive: ["w1"], negative: [] })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: there is 1 positive text and 0 negative texts, but a direction needs both.
      fix: give texts of both kinds.]
  `);
  expect(read({ pairs: [] })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: there are 0 positive texts and 0 negative texts, but a direction needs both.
      fix: give texts of both kinds.]
  `);
  expect(read({ pairs: [{ prompt: "w1", positive: "", negative: " w2" }] }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: pair 0 has the answer "", which has no tokens.
      fix: give every prompt an answer of each kind.]
  `);
  const rows = contrastRows("learnDirection", net, { positive: ["w1", "w2"], negative: ["w3"] });
  expect(() => checkPaired("learnDirection", 'the method "pca"', rows))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: the method "pca" compares texts in pairs, but there are 2 positive texts and 1 negative text.
      fix: give as many of each, the first with the first, or use the method "mean-difference" or "probe".]
  `);
  const at = (site: string, part: ReadAt) =>
    contrastActivations(net, rows, { where: "learnDirection", sites: [site], read: part });
  await expect(at(sites[0]!, "answer")).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: answers are to be read, but these are whole texts, which have no answers.
      fix: give pairs of the form { prompt, positive, negative }, or read at the last token.]
  `);
  await expect(at("blocks.0.attn.z", "last")).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: "blocks.0.attn.z" has the axes [batch, pos, head, dHead], but a direction is learnt where they are [batch, pos, width].
      fix: use a site such as "blocks.0.resid_post".]
  `);
  const empty = contrastRows("learnDirection", net, { positive: ["<bos>"], negative: ["w3"] });
  await expect(contrastActivations(net, empty, { where: "learnDirection", sites, read: "all" }))
    .rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: learnDirection: a text has nothing but special tokens, so there is nothing to read.
      fix: take it out, or read at the last token.]
  `);
});
