import { mkdtemp, rm, writeFile, copyFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { cli } from "../../../test/cli-host.ts";
import { openExport } from "../../../test/golden/onnx/exports.ts";
import { readSafetensors, writeSafetensors } from "../../checkpoints/safetensors.ts";
import { wordTokenizerJson } from "../../checkpoints/tokenizer/word-tokenizer.ts";
import { surgery } from "../../onnx/surgery/index.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import { PlainSession } from "../../runtime/plain-session.ts";
import { tensor } from "../../runtime/index.ts";

const exports = "test/golden/onnx/exports";
const bert = `${exports}/bert-script.onnx`;
const gpt2 = `${exports}/gpt2-past-script.onnx`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "patchclamp-onnx-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface ListedSite {
  name: string;
  shape: (string | number)[];
}

test("sites --json names sizes that depend on the input, and says what was recognised", async () => {
  const { exitCode, stdout, stderr } = await cli("sites", gpt2, "--json");
  const { kind, sites, recognised } = JSON.parse(stdout) as {
    kind: string;
    sites: ListedSite[];
    recognised: string[];
  };
  const shape = (site: string): unknown => sites.find(({ name }) => name === site)?.shape;
  expect({ exitCode, stderr, kind }).toEqual({ exitCode: 0, stderr: "", kind: "onnx" });
  expect(shape("blocks.1.attn.pattern")).toEqual(["batch", 2, "query", "key"]);
  expect(shape("/model/transformer/h.0/attn/Split_output_0")).toEqual(["batch", "sequence", 16]);
  expect(shape("/model/transformer/h.0/attn/c_proj/Gemm_output_0")).toEqual([
    "batch * sequence",
    16,
  ]);
  expect(shape("/model/transformer/h.0/attn/Transpose_3_output_0")).toEqual([
    "batch",
    2,
    8,
    "sequence + past",
  ]);
  expect(recognised[0]).toMatch(/^A residual stream of 4 sums and width 16 was found/);
});

test("sites prints whole names, those of layers that are alike as one pattern", async () => {
  const { stdout } = await cli("sites", gpt2);
  expect(stdout).toContain("blocks.*.resid_post");
  expect(stdout).toContain("/model/transformer/h.*/attn/Split_output_0  [batch, sequence, 16]");
  expect(stdout).not.toContain("…");
  expect(stdout).toContain("What was recognised");
});

test("capture reads ids, and saves what the library finds", async () => {
  const out = join(folder, "seen.safetensors");
  const site = "blocks.1.resid_post";
  const { exitCode } = await cli("capture", bert, "3,1,4", "--ids", "--site", site, "--out", out);
  const { tensors } = await readSafetensors(nodeFiles(folder), "seen.safetensors");
  const { network } = await openExport("bert-script");
  const pass = await network.run({ input_ids: [[3, 1, 4]] }, { capture: site });
  expect(exitCode).toBe(0);
  expect(await tensors.get(site)!.data()).toEqual(await pass.at(site).data());
});

test.each(["json", "safetensors"])("capture reads all inputs by name from %s", async (format) => {
  const inputs = join(folder, `inputs.${format}`);
  const ids = [3, 1, 4, 1];
  const mask = [1, 1, 1, 0];
  const whole = (row: readonly number[]): { shape: number[]; data: BigInt64Array } => ({
    shape: [1, row.length],
    data: BigInt64Array.from(row, BigInt),
  });
  const bytes = writeSafetensors({ input_ids: whole(ids), attention_mask: whole(mask) });
  const json = JSON.stringify({ input_ids: [ids], attention_mask: [mask] });
  await writeFile(inputs, format === "json" ? json : bytes);
  const site = "blocks.0.attn.pattern";
  const { stdout } = await cli("capture", bert, "--inputs", inputs, "--site", site, "--json");
  const [found] = (JSON.parse(stdout) as { sites: { values: number[]; shape: number[] }[] }).sites;
  expect(found!.shape).toEqual([1, 2, 4, 4]);
  // nothing looks at what is masked
  for (let i = 3; i < found!.values.length; i += 4) expect(found!.values[i]).toBe(0);
});

test("capture reads a text where a tokenizer lies in the folder above, as transformers.js has it", async () => {
  await mkdir(join(folder, "model/onnx"), { recursive: true });
  await copyFile(bert, join(folder, "model/onnx/model.onnx"));
  const words = wordTokenizerJson(["red", "kite"]);
  await writeFile(join(folder, "model/tokenizer.json"), JSON.stringify(words));
  const model = join(folder, "model/onnx/model.onnx");
  const { stdout } = await cli("capture", model, "red kite", "--site", "embed", "--json");
  const { tokens, sites } = JSON.parse(stdout) as { tokens: string[]; sites: ListedSite[] };
  expect(tokens).toEqual(["<bos>", "red", "kite"]);
  expect(sites[0]!.shape).toEqual([1, 3, 16]);
});

test("grad gives the gradients that the library gives", async () => {
  const of = "logit(5, 1) - logit(4, 1)";
  const at = "blocks.*.resid_post";
  const { stdout } = await cli("grad", bert, "3,1,4", "--ids", "--of", of, "--at", at, "--json");
  const { value, sites } = JSON.parse(stdout) as {
    value: number;
    sites: { site: string; values: number[] }[];
  };
  const { network } = await openExport("bert-script");
  const logit = (id: number) => ({ axis: 2, start: id, end: id + 1 });
  const expected = await network.grad(
    { input_ids: [[3, 1, 4]] },
    {
      at,
      of: ({ logits }) => {
        const row = logits.slice({ axis: 1, start: 1, end: 2 });
        return row
          .slice(logit(5))
          .sub(row.slice(logit(4)))
          .reshape([]);
      },
    },
  );
  expect(value).toBe(expected.value);
  for (const { site, values } of sites)
    expect(Float32Array.from(values)).toEqual(await expected.grads[site]!.data());
  expect(sites).toHaveLength(2);
});

test("values lists what a file holds", async () => {
  const { stdout } = await cli("onnx", "values", gpt2, "--role", "input", "--json");
  const { values } = JSON.parse(stdout) as { values: { name: string; shape: unknown }[] };
  const past = values.find(({ name }) => name === "past_key_values.1.value");
  expect(past?.shape).toEqual(["batch", 2, "past", 8]);
});

/** Runs a file in ONNX Runtime alone. */
async function runFile(file: string, row = [3, 1, 4]): Promise<Record<string, readonly number[]>> {
  await using session = await PlainSession.open(join(folder, file));
  const found = await session.run({
    input_ids: tensor([row]),
    attention_mask: tensor([row.map(() => 1)]),
  });
  return Object.fromEntries(Object.entries(found).map(([name, { numbers }]) => [name, numbers]));
}

test("expose makes outputs of sites, which hold what a capture holds", async () => {
  const out = join(folder, "exposed.onnx");
  const { stdout } = await cli(
    "onnx",
    "expose",
    bert,
    "blocks.*.resid_post",
    "--out",
    out,
    "--json",
  );
  const { outputs } = JSON.parse(stdout) as { outputs: { asked: string; value: string }[] };
  const { network } = await openExport("bert-script");
  const pass = await network.run({ input_ids: [[3, 1, 4]] }, { capture: "blocks.*.resid_post" });
  const found = await runFile("exposed.onnx");
  expect(outputs.map(({ asked }) => asked)).toEqual(["blocks.0.resid_post", "blocks.1.resid_post"]);
  for (const { asked, value } of outputs) {
    const expected = await pass.at(asked).numbers();
    // float32, other kernels: two blocks of width 16
    for (const [i, x] of found[value]!.entries()) expect(x).toBeCloseTo(expected[i]!, 4);
  }
});

test("cut ends a model at a site; split and its halves give what the whole gave", async () => {
  const site = "blocks.0.resid_post";
  const [cut, head, tail] = ["cut", "head", "tail"].map((name) => join(folder, `${name}.onnx`));
  await cli("onnx", "cut", bert, site, "--out", cut!);
  await cli("onnx", "split", bert, site, "--head", head!, "--tail", tail!);
  const [cutAlone] = Object.values(await runFile("cut.onnx"));
  const first = await runFile("head.onnx");
  expect(Object.values(first)).toContainEqual(cutAlone);
  const sizes = new Map(
    (await surgery({ files: nodeFiles(folder), path: "tail.onnx" }))
      .values()
      .map((v) => [v.name, v]),
  );
  for (const name of Object.keys(first)) expect(sizes.get(name)?.role).toBe("input");
});

test("rename changes names, strip takes away what is for people", async () => {
  const renamed = join(folder, "renamed.onnx");
  await cli("onnx", "rename", bert, "logits=scores", "--out", renamed);
  const small = join(folder, "small.onnx");
  const { stdout } = await cli("onnx", "strip", renamed, "--out", small, "--json");
  const { bytes } = JSON.parse(stdout) as { bytes: { before: number; after: number } };
  expect(bytes.after).toBeLessThan(bytes.before);
  expect(Object.keys(await runFile("small.onnx"))).toEqual(["scores"]);
});

const vector = Array.from({ length: 16 }, (_, i) => Math.cos(i));

async function interventionsFile(interventions: readonly object[]): Promise<string> {
  const file = join(folder, "interventions.json");
  await writeFile(file, JSON.stringify({ interventions }));
  return file;
}

test("bake writes interventions, and reports how near the new file is to our own run", async () => {
  const file = await interventionsFile([{ kind: "add", site: "blocks.0.resid_post", vector }]);
  const out = join(folder, "baked.onnx");
  const bake = ["onnx", "bake", bert, "3,1,4", "--ids", "--interventions", file];
  const { exitCode, stdout } = await cli(...bake, "--strength", "-2", "--out", out, "--json");
  const { parity } = JSON.parse(stdout) as { parity: { maxAbs: number; maxChange: number }[] };
  expect(exitCode).toBe(0);
  expect(parity[0]!.maxChange).toBeGreaterThan(0.1);
  expect(parity[0]!.maxAbs).toBeLessThan(1e-4); // float32, two blocks of width 16
  const { network } = await openExport("bert-script");
  const plain = await network.run({ input_ids: [[3, 1, 4]] });
  const [logits] = Object.values(await runFile("baked.onnx"));
  const before = await plain.at("logits").numbers();
  const most = Math.max(...logits!.map((x, i) => Math.abs(x - before[i]!)));
  expect(most).toBeCloseTo(parity[0]!.maxChange, 3);
});

test("a model is saved in its own folder, and reads the numbers that lie there as before", async () => {
  const surgeryFolder = "test/golden/onnx/surgery";
  await mkdir(join(folder, "weights"), { recursive: true });
  await copyFile(`${surgeryFolder}/external.onnx`, join(folder, "external.onnx"));
  for (const name of await nodeFiles(`${surgeryFolder}/weights`).list())
    await copyFile(`${surgeryFolder}/weights/${name}`, join(folder, "weights", name));
  const [model, out] = [join(folder, "external.onnx"), join(folder, "more.onnx")];
  const { stdout } = await cli("onnx", "expose", model, "h1", "--out", out, "--json");
  const { beside, reads } = JSON.parse(stdout) as { beside: string[]; reads: string[] };
  expect(beside).toEqual([]);
  expect(reads.every((path) => path.startsWith(join(folder, "weights")))).toBe(true);
  await using session = await PlainSession.open(out);
  expect(session.outputs).toContain("h1");
});

test.each([
  ["a text without a tokenizer", ["capture", bert, "hello", "--site", "embed"]],
  ["a network that is no ONNX file", ["onnx", "values", "organism:stories"]],
  ["nowhere to write", ["onnx", "expose", bert, "logits"]],
  ["another kind of file to write", ["onnx", "expose", bert, "logits", "--out", "x.txt"]],
  ["a site that is not there", ["onnx", "cut", bert, "blocks.9.resid_post", "--out", "x.onnx"]],
  ["half a pair of names", ["onnx", "rename", bert, "logits", "--out", "x.onnx"]],
  ["what is never taken away", ["onnx", "strip", bert, "--keep", "weights", "--out", "x.onnx"]],
  ["nothing to bake", ["onnx", "bake", bert, "--out", "x.onnx"]],
  ["values that match nothing", ["onnx", "values", bert, "--match", "nothing.*"]],
  [
    "inputs of what has none",
    ["capture", "organism:stories", "--inputs", "x.json", "--site", "embed"],
  ],
  ["a prompt beside inputs", ["capture", bert, "3,1", "--inputs", "x.json", "--site", "embed"]],
  ["no target", ["grad", bert, "3,1", "--ids", "--at", "embed"]],
  ["no site", ["grad", bert, "3,1", "--ids", "--of", "logit(3)"]],
])("%s is refused in a sentence", async (_, words) => {
  const { exitCode, stderr, stdout } = await cli(...words);
  expect(exitCode).toBeGreaterThan(0);
  expect(stdout).toBe("");
  expect(stderr).toMatchSnapshot();
});
