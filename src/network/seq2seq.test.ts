import { beforeAll, describe, expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openSeq2Seq } from "../checkpoints/open-seq2seq.ts";
import { wordTokenizerConfig, wordTokenizerJson } from "../checkpoints/tokenizer/word-tokenizer.ts";
import { memoryFiles } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import type { GenerateOptions } from "./generate.ts";
import type { GeneratedToken } from "./open-row.ts";
import type { Seq2SeqInput } from "./seq2seq-input.ts";
import type { Seq2SeqNetwork } from "./seq2seq.ts";

/** T5, whose tokenizer ends a text as T5's does. */
async function ending(files: Files): Promise<Files> {
  const json = wordTokenizerJson(
    Array.from({ length: 97 }, (_, i) => `w${i + 4}`),
    { addBos: false },
  );
  const processor = {
    type: "TemplateProcessing",
    single: [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "<eos>", type_id: 0 } }],
    pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 0 } }],
    special_tokens: { "<eos>": { id: "<eos>", ids: [3], tokens: ["<eos>"] } },
  };
  return memoryFiles(
    {
      "config.json": await files.read("config.json"),
      "model.safetensors": await files.read("model.safetensors"),
      "tokenizer.json": JSON.stringify({ ...json, post_processor: processor }),
      "tokenizer_config.json": JSON.stringify(wordTokenizerConfig()),
    },
    "t5",
  );
}

/** T5 without a tokenizer. */
async function mute(files: Files): Promise<Files> {
  const names = ["config.json", "model.safetensors"];
  const contents = await Promise.all(names.map(async (name) => [name, await files.read(name)]));
  return memoryFiles(Object.fromEntries(contents) as Record<string, Uint8Array>, "mute");
}

let net: Seq2SeqNetwork;
let silent: Seq2SeqNetwork;
beforeAll(async () => {
  const { files } = await openGolden("t5");
  net = await openSeq2Seq(await ending(files), { check: false });
  silent = await openSeq2Seq(await mute(files), { check: false });
});

const source = [60, 28, 71, 3];
/** A source of whose target not all tokens are the same. */
const varied = [2, 60, 28, 71, 17, 93];

async function generated(
  given: Seq2SeqInput,
  options: GenerateOptions = {},
): Promise<GeneratedToken[]> {
  const made: GeneratedToken[] = [];
  for await (const token of net.generate(given, { stop: [], ...options })) made.push(token);
  return made;
}

function ids(made: readonly GeneratedToken[], row = 0): number[] {
  return made.filter((token) => token.row === row).map(({ id }) => id);
}

describe("sources and targets", () => {
  test("a prompt alone is a source, and its target is the start token", () => {
    expect(net.tokens(source)).toEqual({
      source: { ids: [source], lengths: [4], padding: "right" },
      target: { ids: [[1]], lengths: [1], padding: "left" },
    });
    expect(net.tokens({ source })).toEqual(net.tokens([source]));
  });

  test("a source text is read with its end, a target text behind the start and without its end", () => {
    const { source: read, target } = net.tokens({ source: "w60 w28 w71", target: "w17 w5" });
    expect(read.ids).toEqual([source]);
    expect(target.ids).toEqual([[1, 17, 5]]);
  });

  test("target ids are taken as they are", () => {
    expect(net.tokens({ source, target: [17, 3] }).target.ids).toEqual([[17, 3]]);
  });

  test("sources are padded on the right, targets on the side asked for", () => {
    const given = { source: [[60], [28, 71]], target: [[1, 17], [1]] };
    expect(net.tokens(given)).toEqual({
      source: {
        ids: [
          [60, 1],
          [28, 71],
        ],
        lengths: [1, 2],
        padding: "right",
      },
      target: {
        ids: [
          [1, 17],
          [1, 1],
        ],
        lengths: [2, 1],
        padding: "left",
      },
    });
    const { target } = net.tokens({
      ...given,
      target: { prompts: [[1, 17], [5]], padding: "right" },
    });
    expect(target.ids).toEqual([
      [1, 17],
      [5, 1],
    ]);
  });

  test("one target serves all sources, and one source all targets", () => {
    expect(net.tokens({ source: [[60], [28]], target: [1, 17] }).target.ids).toEqual([
      [1, 17],
      [1, 17],
    ]);
    expect(net.tokens({ source: [60], target: [[1], [17]] }).source.ids).toEqual([[60], [60]]);
  });

  test("an earlier position of the target does not see later ones, and every position sees the source", async () => {
    const logits = async (given: Seq2SeqInput): Promise<ArrayLike<number>> =>
      (await net.run(given)).logits.slice({ axis: 1, end: 2 }).numbers();
    const short = await logits({ source, target: [1, 17] });
    const long = await logits({ source, target: [1, 17, 60] });
    // the same sums in another graph
    expect(maxDifference(short, long)).toBeLessThanOrEqual(1e-5);
    const other = await logits({ source: [60, 28, 71, 9], target: [1, 17] });
    expect(maxDifference(short, other)).toBeGreaterThan(1e-2);
  });
});

describe("writing", () => {
  test("generation goes on from a target", async () => {
    const whole = ids(await generated(varied, { maxTokens: 8 }));
    const target = [1, ...whole.slice(0, 3)];
    const rest = await generated({ source: varied, target }, { maxTokens: 5 });
    expect(ids(rest)).toEqual(whole.slice(3));
  });

  test("complete gives the decoded target of every source", async () => {
    const texts = await net.complete(["w60 w28 w71", "w9"], { maxTokens: 5, stop: [] });
    const made = await generated(["w60 w28 w71", "w9"], { maxTokens: 5 });
    expect(texts).toEqual(
      [0, 1].map((row) => net.tokenizer.decode(ids(made, row), { skipSpecialTokens: true })),
    );
    expect(made.map(({ text }) => text).join("")).toContain("w");
  });

  test("a stop id ends a target and is not returned", async () => {
    const whole = ids(await generated(varied, { maxTokens: 20 }));
    const stop = whole.find((id) => id !== whole[0])!;
    expect(stop).toBeDefined();
    const made = ids(await generated(varied, { maxTokens: 20, stop: [stop] }));
    expect(made).toEqual(whole.slice(0, whole.indexOf(stop)));
  });

  test("a network without a tokenizer writes ids", async () => {
    const made: GeneratedToken[] = [];
    for await (const token of silent.generate(source, { maxTokens: 2 })) made.push(token);
    expect(made).toMatchObject([
      { text: "", step: 0 },
      { text: "", step: 1 },
    ]);
    expect(silent.hasTokenizer).toBe(false);
  });
});

describe("names of sites", () => {
  test("Hugging Face's modules of T5 are taken", async () => {
    const names = {
      "decoder.block.1": "decoder.blocks.1.resid_post",
      "encoder.block.0.layer.0.SelfAttention": "encoder.blocks.0.attn_out",
      "decoder.block.0.layer.1.EncDecAttention": "decoder.blocks.0.cross_out",
      "decoder.block.0.layer.2.DenseReluDense": "decoder.blocks.0.mlp_out",
      encoder: "encoder.out",
      lm_head: "logits",
    };
    for (const [name, site] of Object.entries(names)) {
      const pass = await net.run(source, { capture: name });
      expect(Object.keys(pass.activations)).toEqual([site]);
    }
  });

  test("every site has named axes and a meaning", () => {
    const odd = net.sites().filter(({ axes, meaning }) => meaning === "" || /\d/.test(axes.join()));
    expect(odd).toEqual([]);
    const sites = new Map(net.sites().map((site) => [site.name, site]));
    expect(sites.get("decoder.blocks.0.cross.pattern")).toEqual({
      name: "decoder.blocks.0.cross.pattern",
      axes: ["batch", "head", "query", "source"],
      shape: [1, 3, 1, 3],
      meaning: "attention probabilities",
    });
  });
});

describe("bad input", () => {
  const refusal =
    (given: Seq2SeqInput): (() => unknown) =>
    () =>
      net.tokens(given);

  test("sources and targets of other numbers are refused", () => {
    expect(refusal({ source: [[60], [28], [71]], target: [[1], [1, 17]] }))
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: t5: 3 sources and 2 targets do not go together.
        fix: give one target for each source, or one for all.]
    `);
  });

  test("an empty source is refused, and one without tokens", () => {
    expect(refusal([])).toThrow("the list of prompts is empty");
    expect(refusal([[60], []])).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: t5: source 1 has no tokens.
        fix: give at least one.]
    `);
  });

  test("an id outside the vocabulary is refused in source and target", () => {
    expect(refusal([101])).toThrow("token id 101 is not in the vocabulary");
    expect(refusal({ source, target: [-1] })).toThrow("token id -1 is not in the vocabulary");
  });

  test("a text is refused without a tokenizer", () => {
    expect(() => silent.tokens("w60")).toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: mute: this network has no tokenizer, so it cannot read or write text.
        fix: put its tokenizer.json beside the weights, or give token ids.]
    `);
  });

  test("sites that do not exist are refused when generation begins", async () => {
    const made = net.generate(source, { capture: "blocks.0.attn.z" });
    await expect(made.next()).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: generate: t5 has no site "blocks.0.attn.z".
        fix: the nearest are "decoder.blocks.0.attn.z", "encoder.blocks.0.attn.z", "decoder.blocks.0.attn.k"; all 90 are listed by \`patchclamp sites\`.]
    `);
  });
});

test("several continuations are those of sources given several times, padded ones too", async () => {
  const options = { maxTokens: 6, temperature: 1.5 };
  const once = await generated([source, varied], { ...options, count: 2 });
  const repeated = await generated([source, source, varied, varied], options);
  for (const row of [0, 1, 2, 3]) expect(ids(once, row)).toEqual(ids(repeated, row));
  expect(ids(once, 2)).not.toEqual(ids(once, 3));
});
