import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { damagedBytes } from "../../../test/fuzz/bytes.ts";
import { maxDifference, tinyNetwork } from "../../../test/tiny.ts";
import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import { memoryFiles, readJson } from "../../core/files.ts";
import { Rng } from "../../core/rng.ts";
import { tensor } from "../../runtime/index.ts";
import { openFolder } from "../../runtime/open-folder.ts";
import type { Dictionary } from "../../values/dictionary.ts";
import { decodeDictionary, dictionary, encodeDictionary } from "../../values/dictionary.ts";
import type { TensorToStore } from "../safetensors.ts";
import { readSafetensors, writeSafetensors } from "../safetensors.ts";
import { readSaeLens } from "./saelens.ts";
import { writeSaeLens } from "./write-saelens.ts";

// made by test/golden/values/make_saelens.py
const golden = openFolder(new URL("../../../test/golden/values/saelens", import.meta.url).href);
const names = [
  "standard",
  "standard-norm",
  "standard-layer-norm",
  "topk",
  "topk-rescaled",
  "jumprelu",
  "gated",
  "early",
];

async function tensorsOf(files: Files, path: string): Promise<Record<string, TensorToStore>> {
  const { tensors } = await readSafetensors(files, path);
  const all: Record<string, TensorToStore> = {};
  for (const [name, { shape, data }] of tensors) all[name] = { shape, data: await data() };
  return all;
}

/** A folder with another config or other tensors. */
async function edited(
  name: string,
  config: object,
  tensors: Record<string, TensorToStore> = {},
  lacks = "",
): Promise<Files> {
  const json = (await readJson("test", golden, `${name}/cfg.json`)) as object;
  const all = { ...(await tensorsOf(golden, `${name}/sae_weights.safetensors`)), ...tensors };
  Reflect.deleteProperty(all, lacks);
  return memoryFiles({
    "cfg.json": JSON.stringify({ ...json, ...config }),
    "sae_weights.safetensors": writeSafetensors(all),
  });
}

describe.each(names)("SAELens's %s", (name) => {
  test("encodes and decodes what SAELens does", async () => {
    const given = await readSaeLens(golden, { folder: name });
    expect(given.site).toBe("blocks.1.resid_post");
    const expected = await tensorsOf(golden, `${name}/expected.safetensors`);
    const { shape, data } = expected["x"]!;
    const x = tensor(data, { shape: [...shape] });
    const f = encodeDictionary(given, x);
    // float32, sums of six products of numbers up to ten
    const features = expected["features"]!.data as Float32Array;
    expect(maxDifference(await f.numbers(), features)).toBeLessThan(2e-5);
    const out = await decodeDictionary(given, f, x).numbers();
    // float32, sums of nine products of numbers up to ten
    expect(maxDifference(out, expected["out"]!.data as Float32Array)).toBeLessThan(5e-5);
  });

  test("is written and read again", async () => {
    const given = await readSaeLens(golden, { folder: name });
    const files = memoryFiles();
    await writeSaeLens(files, given, { folder: "a", model: "tiny" });
    expect(await readSaeLens(files, { folder: "a" })).toEqual(given);
  });
});

test("a folder without changes is written back as SAELens wrote it", async () => {
  for (const name of ["standard", "topk", "jumprelu"]) {
    const files = memoryFiles();
    await writeSaeLens(files, await readSaeLens(golden, { folder: name }), { model: "tiny" });
    const path = "sae_weights.safetensors";
    const theirs = new Uint8Array(await golden.read(`${name}/${path}`));
    expect(await files.read(path)).toEqual(theirs);
  }
});

test("a network gives the site its name and says for whom the dictionary was made", async () => {
  const network = await tinyNetwork("llama");
  const files = await edited("jumprelu", { metadata: { hook_name: "blocks.1.mlp.hook_pre" } });
  const { site, madeFor } = await readSaeLens(files, { network });
  expect(site).toBe("blocks.1.mlp.gate");
  expect(madeFor).toEqual(await network.identity());
  const plain = await readSaeLens(files, { network: await tinyNetwork("gpt2") });
  expect(plain.site).toBe("blocks.1.mlp.pre");
  await expect(readSaeLens(files)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: readSaeLens: "blocks.1.mlp.hook_pre" is one site of MLPs with a gate and another of those without.
      fix: give the network, or name the site in the option site.]
  `);
});

test.each([true, false])(
  "an encoder trained on a stream without its mean reads the same with it (centred: %s)",
  async (isCentred) => {
    const loaded = { model_from_pretrained_kwargs: { center_writing_weights: true } };
    const config = { apply_b_dec_to_input: isCentred };
    const plain = await readSaeLens(await edited("standard", config));
    const meanless = await readSaeLens(await edited("standard", { ...config, ...loaded }));
    const data = new Rng(1).normals(4 * 6);
    const x = tensor(data, { shape: [4, 6] }).add(3);
    const without = x.sub(x.mean({ axis: -1, keepDims: true }));
    const expected = await encodeDictionary(plain, without).numbers();
    const found = await encodeDictionary(meanless, x).numbers();
    // float32, sums of six products of numbers up to ten
    expect(maxDifference(found, expected)).toBeLessThan(2e-5);
  },
);

test("a linear dictionary cannot be written", async () => {
  const given: Dictionary = {
    ...dictionary(await readSaeLens(golden, { folder: "standard" })),
    activation: { kind: "identity" },
  };
  await expect(writeSaeLens(memoryFiles(), given)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: writeSaeLens: the dictionary is linear, and SAELens has no such architecture.
      fix: save it as a PatchClamp file.]
  `);
});

describe("a folder is refused", () => {
  const one = { shape: [9], data: new Float32Array(9).fill(2) };

  test.each<[string, object, Record<string, TensorToStore>?, string?]>([
    ["with an unknown key", { magic: 3 }],
    ["of another architecture", { architecture: "transcoder" }],
    ["with a scale that is not in it", { normalize_activations: "expected_average_only_in" }],
    ["made for one head", { metadata: { hook_name: "blocks.0.attn.hook_q", hook_head_index: 2 } }],
    ["made for one head, early", { hook_head_index: 2 }],
    [
      "made for changed weights",
      { metadata: { model_from_pretrained_kwargs: { fold_value_biases: true } } },
    ],
    ["that names no site", { metadata: {} }],
    ["of topk with half a k", { architecture: "topk", activation_fn_kwargs: { k: 2.5 } }],
    ["with NaN", {}, { b_dec: { shape: [6], data: new Float32Array(6).fill(Number.NaN) } }],
    ["of topk without k", { architecture: "topk" }],
    ["of gates with topk", { architecture: "gated", activation_fn: "topk", k: 2 }],
    ["with another width", { d_in: 8 }],
    ["with a tensor of no use", {}, { scaling_factor: one }],
    ["without a tensor", {}, {}, "b_enc"],
  ])("%s", async (_, config, tensors, lacks) => {
    const files = await edited("standard", config, tensors, lacks);
    const message = await readSaeLens(files).then(
      () => "read",
      (error: Error) => error.message,
    );
    expect(message).toMatchSnapshot();
  });
});

test("of 400 damaged folders each is refused or read, and none does anything else", async () => {
  const counts = { refused: 0, read: 0 };
  for (const path of ["cfg.json", "sae_weights.safetensors"]) {
    const whole = new Uint8Array(await golden.read(`gated/${path}`));
    const other = path === "cfg.json" ? "sae_weights.safetensors" : "cfg.json";
    const rest = { [other]: await golden.read(`gated/${other}`) };
    const attempt = async (bytes: Uint8Array): Promise<void> => {
      try {
        await readSaeLens(memoryFiles({ ...rest, [path]: bytes }));
        counts.read++;
      } catch (error) {
        if (!(error instanceof PatchClampError)) throw error;
        counts.refused++;
      }
    };
    await fc.assert(fc.asyncProperty(damagedBytes(whole), attempt), { seed: 8, numRuns: 200 });
  }
  expect(counts.read + counts.refused).toBe(400);
  expect(counts.read).toBeGreaterThan(20);
  expect(counts.refused).toBeGreaterThan(200);
});
