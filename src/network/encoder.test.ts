import { describe, expect, test } from "vitest";

import { maxDifference } from "../../test/tiny.ts";
import { openGolden } from "../../test/golden/read.ts";
import { openEncoder } from "../checkpoints/open-encoder.ts";
import { memoryFiles, readJson } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import { tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { EncoderNetwork } from "./encoder.ts";
import { checkEncoderInvariants } from "./invariants.ts";

const TOLERANCE = 1e-5; // float32 through two layers, in another order

async function encoder(name: string): Promise<EncoderNetwork> {
  return openEncoder((await openGolden(name)).files, { check: false });
}

/** A golden's folder with other files, which is opened. */
async function withFiles(name: string, more: Record<string, unknown>): Promise<EncoderNetwork> {
  const { files } = await openGolden(name);
  const contents: Record<string, Uint8Array | string> = {};
  for (const file of await files.list()) contents[file] = await files.read(file);
  for (const [file, json] of Object.entries(more)) contents[file] = JSON.stringify(json);
  const folder: Files = memoryFiles(contents, name);
  return openEncoder(folder, { check: false });
}

const numbers = async (x: Tensor): Promise<number[]> => [...(await x.numbers())];
const apart = async (a: Tensor, b: Tensor): Promise<number> => {
  expect(a.shape).toEqual(b.shape);
  return maxDifference(await a.numbers(), await b.numbers());
};
const [bert, modernbert, classes, tags, pooler] = await Promise.all(
  ["bert", "modernbert", "bert-classes", "bert-tags", "bert-pooler"].map(encoder),
);

describe("inputs", () => {
  test("several texts are captured by one pattern", async () => {
    const out = await bert!.run(["w10 w20 w30", "w5"], { capture: "blocks.*.resid_post" });
    const sites = Object.keys(out.activations);
    expect(sites).toEqual(["blocks.0.resid_post", "blocks.1.resid_post"]);
    expect(out.at(sites[0]!).shape).toEqual([2, 4, 16]);
  });

  test("a text gives the numbers of its tokens", async () => {
    const ids = bert!.tokenizer.encode("w10 w20");
    expect(await numbers((await bert!.run("w10 w20")).logits)).toEqual(
      await numbers((await bert!.run(ids)).logits),
    );
  });

  test("a pair of texts is read with the types that the tokenizer gives", async () => {
    const { files } = await openGolden("bert");
    const json = (await readJson("test", files, "tokenizer.json")) as object;
    const between = { type: "BertProcessing", cls: ["<bos>", 2], sep: ["<eos>", 3] };
    const net = await withFiles("bert", { "tokenizer.json": { ...json, post_processor: between } });
    const { ids, types } = net.tokenizer.encodePair("w10 w20", "w30");
    expect(ids).toEqual([2, 10, 20, 3, 30, 3]);
    expect(types).toEqual([0, 0, 0, 0, 1, 1]);
    const pair = await net.run({ text: "w10 w20", pair: "w30" });
    const typed = await net.run({ ids, types });
    const untyped = await net.run(ids);
    expect(await numbers(pair.logits)).toEqual(await numbers(typed.logits));
    expect(await apart(pair.logits, untyped.logits)).toBeGreaterThan(0.1);
  });

  test("an encoder that knows no types reads pairs all the same", async () => {
    const { ids } = modernbert!.tokenizer.encodePair("w10 w20", "w30");
    const pair = await modernbert!.run({ text: "w10 w20", pair: "w30" });
    expect(await numbers(pair.logits)).toEqual(await numbers((await modernbert!.run(ids)).logits));
  });

  test("what cannot be read is refused", async () => {
    await expect(bert!.run([])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: encoder: the list is empty.]`,
    );
    await expect(bert!.run([[3], []])).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: bert: row 1 has no tokens.
        fix: give at least one.]
    `);
    await expect(bert!.run([3, 101])).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: bert: token id 101 is not in the vocabulary, whose ids are 0..100.
        fix: tokenise the text with this network's own tokenizer.]
    `);
    await expect(bert!.run(Array.from({ length: 81 }, () => 3))).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: bert: the row has 81 tokens, but the context holds 80.
        fix: shorten it.]
    `);
    await expect(bert!.run({ ids: [3, 4], types: [0] })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: bert: the row has 2 ids, but 1 types.
        fix: give every id its type, or ids alone.]
    `);
    await expect(bert!.run({ ids: [3, 4], types: [0, 2] })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: bert: the row has a token of type 2, but the network knows types 0..1.
        fix: give every id its type, or ids alone.]
    `);
    await expect(modernbert!.run({ ids: [3, 4], types: [0, 1] })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: modernbert: the row has a token of type 1, but the network knows no types.
        fix: give every id its type, or ids alone.]
    `);
  });
});

describe("outputs", () => {
  test("a run without a wish records the scores of the head, or hidden states where there is none", async () => {
    const shapes = [];
    for (const net of [bert!, classes!, tags!, pooler!]) {
      const out = await net.run([3, 4, 5]);
      shapes.push(Object.entries(out.activations).map(([site, { shape }]) => [site, ...shape]));
    }
    expect(shapes).toEqual([
      [["logits", 1, 3, 101]],
      [["logits", 1, 3]],
      [["logits", 1, 3, 5]],
      [["hidden", 1, 3, 8]],
    ]);
  });

  test("sites say what they are here", () => {
    const site = (net: EncoderNetwork, name: string): string[] => {
      const { axes, meaning } = net.sites().find((own) => own.name === name)!;
      return [axes.join(" "), meaning];
    };
    expect(site(classes!, "logits")).toEqual(["batch class", "scores of the text's class"]);
    expect(site(bert!, "blocks.1.resid_post")[1]).toBe(
      "normalised residual stream after the block",
    );
    expect(site(modernbert!, "blocks.1.resid_post")[1]).toBe("residual stream after the block");
    expect(classes!.config.labels).toEqual(["LABEL_0", "LABEL_1", "LABEL_2"]);
  });

  test.each([
    ["bert", "bert.embeddings.token_type_embeddings", "token_type_embed"],
    ["bert", "bert.encoder.layer.1", "blocks.1.resid_post"],
    ["bert", "bert.encoder.layer.1.attention.output.dense", "blocks.1.attn_out"],
    ["bert", "encoder.layer.1.intermediate.dense", "blocks.1.mlp.pre"],
    ["roberta", "roberta.encoder.layer.0.output.dense", "blocks.0.mlp_out"],
    ["distilbert", "distilbert.transformer.layer.1.ffn", "blocks.1.mlp_out"],
    ["distilbert", "distilbert.transformer.layer.1.attention", "blocks.1.attn_out"],
    ["modernbert", "model.embeddings.tok_embeddings", "embed"],
    ["modernbert", "model.layers.2", "blocks.2.resid_post"],
    ["modernbert", "model.layers.2.attn", "blocks.2.attn_out"],
  ])("in %s, %s means %s", async (name, module, site) => {
    const out = await (await encoder(name)).run([3, 4], { capture: module });
    expect(Object.keys(out.activations)).toEqual([site]);
  });

  test("a site that an encoder lacks is refused with the reason", async () => {
    await expect(pooler!.run([3], { capture: "logits" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: bert-pooler has no site "logits": its architecture has no head.
        fix: the nearest are "pooled", "pooler", "embed"; all 23 are listed by \`patchclamp sites\`.]
    `);
    await expect(bert!.run([3], { capture: "blocks.0.attn.rot_q" })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: run: bert has no site "blocks.0.attn.rot_q": its positions are learned, and nothing is rotated.
        fix: the nearest are "blocks.0.attn.q", "blocks.0.attn.k", "blocks.0.attn.result"; all 41 are listed by \`patchclamp sites\`.]
    `);
  });
});

describe("edits and gradients", () => {
  test.each(["bert", "modernbert"])(
    "in %s a block's output taken from another text brings that text's scores",
    async (name) => {
      const net = await encoder(name);
      const other = net.trace([9, 8, 7, 6]);
      const patched = await net.run([3, 4, 5, 6], {
        edit: { "blocks.1.resid_post": () => other.at("blocks.1.resid_post") },
        capture: "blocks.1.resid_post",
      });
      expect(
        await apart(patched.at("blocks.1.resid_post"), other.at("blocks.1.resid_post")),
      ).toBeLessThan(TOLERANCE);
    },
  );

  test("an edit of hidden states moves the scores, the pooler and the vector of a text", async () => {
    const edit = { hidden: (x: Tensor) => x.add(1) };
    const capture = ["logits", "pooler", "pooled"];
    const before = await classes!.run([3, 4, 5], { capture });
    const after = await classes!.run([3, 4, 5], { capture, edit });
    for (const site of capture) {
      expect(await apart(after.at(site), before.at(site))).toBeGreaterThan(1e-3);
    }
  });

  test("every token sees every other: a change of the last moves the first", async () => {
    const edit = {
      "blocks.0.resid_pre": (x: Tensor) =>
        x.add(tensor([[[0], [0], [0], [1]]], { dtype: "float32" })),
    };
    const first = async (options: object): Promise<number[]> =>
      (
        await numbers(
          (await bert!.run([3, 4, 5, 6], { capture: "hidden", ...options })).at("hidden"),
        )
      ).slice(0, 16);
    const [before, after] = [await first({}), await first({ edit })];
    expect(Math.max(...before.map((x, i) => Math.abs(x - after[i]!)))).toBeGreaterThan(1e-3);
  });

  test.each(["bert", "modernbert", "bert-pooler"])(
    "in %s the gradient of a vector of a text agrees with a central difference",
    async (name) => {
      const net = await encoder(name);
      const rows = [
        [3, 4, 5, 6],
        [7, 8],
      ];
      const site = "blocks.0.resid_pre";
      const of = (pass: { at: (name: string) => Tensor }): Tensor =>
        pass.at("pooled").slice({ axis: 1, end: 3 }).square().sum();
      const { grads } = await net.grad(rows, { of, at: site });
      const step = 1e-2;
      const shifted = async (by: number): Promise<number> => {
        const along = (x: Tensor): Tensor => x.add(grads[site]!.mul(by));
        return of(net.trace(rows, { edit: { [site]: along } })).item();
      };
      const slope = ((await shifted(step)) - (await shifted(-step))) / (2 * step);
      const squares = await grads[site]!.square().sum().item();
      // the derivative along the gradient is its squared length; third-order terms and rounding leave a few parts in a thousand
      expect(Math.abs(slope / squares - 1)).toBeLessThan(1e-2);
    },
  );
});

describe("embed", () => {
  const texts = ["w10 w20 w30", "w5", "w7 w8"];

  test("without files of sentence-transformers it gives the mean of hidden states", async () => {
    const vectors = await bert!.embed(texts);
    expect(vectors.shape).toEqual([3, 16]);
    for (const [i, text] of texts.entries()) {
      const hidden = (await bert!.run(text, { capture: "hidden" })).at("hidden");
      const row = vectors.slice({ axis: 0, start: i, end: i + 1 });
      expect(await apart(row, hidden.mean({ axis: 1 }))).toBeLessThan(TOLERANCE);
    }
  });

  test("batches change nothing, and rows keep their order", async () => {
    const single = await bert!.embed(texts, { batchSize: 1 });
    const together = await bert!.embed(texts, { batchSize: 2 });
    expect(await apart(single, together)).toBeLessThan(TOLERANCE);
  });

  test("vectors have length 1 if asked", async () => {
    const vectors = await bert!.embed(texts, { normalise: true });
    for (const square of await vectors.square().sum({ axis: 1 }).numbers())
      expect(square).toBeCloseTo(1, 5);
  });

  test("a checkpoint's own pooling, normalisation and length count", async () => {
    const net = await withFiles("bert", {
      "modules.json": [
        { path: "", type: "sentence_transformers.models.Transformer" },
        { path: "1_Pooling", type: "sentence_transformers.models.Pooling" },
        { path: "2_Normalize", type: "sentence_transformers.models.Normalize" },
      ],
      "1_Pooling/config.json": { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false },
      "sentence_bert_config.json": { max_seq_length: 3, do_lower_case: false },
    });
    const ids = net.tokenizer.encode("w10 w20 w30 w40");
    const want = (await net.run(ids.slice(0, 3), { capture: "hidden" })).at("hidden");
    const first = want.slice({ axis: 1, end: 1 }).reshape([1, 16]);
    const length = first.square().sum().sqrt();
    const got = await net.embed("w10 w20 w30 w40");
    expect(await apart(got, first.div(length))).toBeLessThan(TOLERANCE);
  });

  test("a batch size of 0 is refused", async () => {
    await expect(bert!.embed("w5", { batchSize: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: embed: batchSize is 0, not a whole number from 1.]`,
    );
  });
});

describe("checkEncoderInvariants", () => {
  test.each(["bert", "roberta", "distilbert", "modernbert"])("%s obeys them", async (name) => {
    const found = await checkEncoderInvariants(await encoder(name));
    expect(found.map(({ claim }) => claim)).toEqual(
      [
        "pattern rows sum to 1",
        "pattern times values is z",
        "resid_pre and what the block writes is resid_post",
        "going on from the recorded values gives the same logits",
        "an added vector of scale 0 changes nothing",
        "a padded row gives the numbers it gives alone",
      ].filter((claim) => name === "modernbert" || !claim.startsWith("resid_pre")),
    );
    for (const { error } of found) expect(error).toBeLessThan(1e-5);
  });
});
