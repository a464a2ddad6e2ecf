import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { cli, cliWith } from "../../test/cli-host.ts";
import { maxDifference } from "../../test/tiny.ts";
import { readSafetensors } from "../checkpoints/safetensors.ts";
import { openNetwork } from "../index.ts";
import { nodeFiles } from "../runtime/node-files.ts";

// A GPT-2 with random weights and a tokenizer of 101 pieces; `test/golden/make.py` made it.
const network = "test/golden/gpt2";
const site = "blocks.1.resid_post";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "patchclamp-generate-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Found {
  continuation: string;
  generated: { id: number; probability: number }[];
  continuations: { generated: { id: number }[] }[];
  prompts: Found[];
  prompt: string;
  captured: { labels: Record<string, unknown[]>; sites: { shape: number[]; values: number[] }[] };
  interventions: unknown;
  strength: number;
  isAborted: boolean;
}

async function json(...argv: string[]): Promise<Found> {
  const { stdout, exitCode } = await cli(...argv, "--json");
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as Found;
}

const five = ["--ids", "--max-tokens", "5"];

test("several prompts are continued as each of them is alone", async () => {
  const { prompts } = await json("generate", network, "1,5,9", "7,3", ...five);
  for (const [i, prompt] of ["1,5,9", "7,3"].entries()) {
    const { generated } = await json("generate", network, prompt, ...five);
    expect(prompts[i]!.prompt).toBe(prompt);
    expect(prompts[i]!.generated.map(({ id }) => id)).toEqual(generated.map(({ id }) => id));
  }
});

test("several continuations of several prompts are printed in turn", async () => {
  const options = ["--ids", "--max-tokens", "2", "--count", "2", "--temperature", "1"];
  const { stdout } = await cli("generate", network, "1,5", "7", ...options);
  expect(stdout.replaceAll(/\s+/g, " ").match(/<bos> |x/g)).toBeNull();
  expect(stdout.split("\n\n")).toHaveLength(4);
  expect(stdout).toMatch(/\n\n\.\.\. /);
});

test("captured rows are what a pass over the whole text gives, in the order of their labels", async () => {
  const out = join(folder, "rows.safetensors");
  const options = ["--capture", site, "--out", out];
  const { captured, prompts } = await json(
    "generate",
    network,
    "1,5,9",
    "7,3",
    ...five,
    ...options,
  );
  const { labels, sites } = captured;
  const net = await openNetwork(nodeFiles(network));
  const texts = [
    [1, 5, 9],
    [7, 3],
  ].map((ids, i) => [...ids, ...prompts[i]!.generated.map(({ id }) => id)]);
  const { dModel } = net.config;
  // the last token of a text is written, and never read
  expect(sites[0]!.shape).toEqual([texts.flat().length - 2, dModel]);
  for (const [row, ids] of texts.entries()) {
    const pass = await net.run([ids], { capture: site });
    const whole = await pass.at(site).numbers();
    const rows = labels["row"]!.flatMap((own, i) => (own === row ? [i] : []));
    expect(rows.map((i) => labels["token"]![i])).toEqual(ids.slice(0, -1));
    expect(rows.map((i) => labels["position"]![i])).toEqual(ids.slice(0, -1).map((_, i) => i));
    const found = rows.flatMap((i) => sites[0]!.values.slice(i * dModel, (i + 1) * dModel));
    // 1e-4: what the cache gives against one pass, as everywhere
    expect(maxDifference(found, Array.from(whole).slice(0, found.length))).toBeLessThan(1e-4);
  }
  const saved = await readSafetensors(nodeFiles(folder), "rows.safetensors");
  expect([...saved.tensors.keys()].toSorted()).toEqual(
    [site, "label.phase", "label.position", "label.row", "label.token"].toSorted(),
  );
  const numbersOf = async (name: string): Promise<number[]> =>
    Array.from((await saved.tensors.get(name)!.data()) as Float32Array | Int32Array);
  expect(await numbersOf(site)).toEqual(sites[0]!.values);
  const phase = labels["phase"]!.map((name) => (name === "prompt" ? 0 : 1));
  expect(await numbersOf("label.phase")).toEqual(phase);
});

test("a prompt that several continuations go on with is captured once", async () => {
  const options = ["--capture", site, "--count", "3", "--temperature", "1"];
  const { captured } = await json("generate", network, "1,5,9", "7,3,4", ...five, ...options);
  const { row, phase } = captured.labels;
  expect(row!.filter((_, i) => phase![i] === "prompt")).toEqual([0, 0, 0, 3, 3, 3]);
  expect(new Set(row!.filter((_, i) => phase![i] === "generated")).size).toBe(6);
});

test("interventions of a file steer, at strength 0 not at all, and the file is listed", async () => {
  const path = join(folder, "push.json");
  const { dModel } = (await openNetwork(nodeFiles(network))).config;
  const vector = Array.from({ length: dModel }, (_, i) => 40 * Math.sin(i));
  const set = { name: "push", interventions: [{ kind: "add", site, vector }] };
  await writeFile(path, JSON.stringify(set));
  const options = [...five, "--interventions", path];
  const plain = await json("generate", network, "1,5,9", ...five);
  const still = await json("generate", network, "1,5,9", ...options, "--strength", "0");
  const pushed = await json("generate", network, "1,5,9", ...options);
  const ids = ({ generated }: Found): number[] => generated.map(({ id }) => id);
  expect(ids(still)).toEqual(ids(plain));
  expect(ids(pushed)).not.toEqual(ids(plain));
  expect(pushed).toMatchObject({
    strength: 1,
    interventions: [{ file: path, name: "push", bands: null, origin: "unknown" }],
  });
});

test("Ctrl-C ends a text at any token, and what there is is printed", async () => {
  const controller = new AbortController();
  let pieces = 0;
  const { exitCode, stdout, stderr } = await cliWith(
    {
      interrupted: () => controller.signal,
      stdout: () => {
        if (++pieces === 4) controller.abort(); // the prompt, and three tokens
      },
    },
    "generate",
    network,
    "1,5,9",
    "--ids",
    "--max-tokens",
    "20",
  );
  const whole = await cli("generate", network, "1,5,9", "--ids", "--max-tokens", "20");
  expect({ exitCode, stderr }).toEqual({
    exitCode: 130,
    stderr: "Stopped by Ctrl-C; what was written until then is above.\n",
  });
  const told = stdout.slice(0, -1);
  expect(stdout.at(-1)).toBe("\n");
  expect(whole.stdout.startsWith(told)).toBe(true);
  expect(told.length).toBeGreaterThan("1,5,9".length);
  expect(told.length).toBeLessThan(whole.stdout.length - 5);
});

test.each([
  ["a recording of nothing", ["--out", "x.safetensors"]],
  ["a site that grows with the text", ["--capture", "blocks.0.attn.pattern"]],
  ["a file that is not there", ["--interventions", "nowhere.safetensors"]],
  ["a folder that is no adapter", ["--interventions", "test/golden/gpt2"]],
])("%s is refused", async (_, options) => {
  const { exitCode, stdout, stderr } = await cli("generate", network, "1,5", "--ids", ...options);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expect(stderr).toMatchSnapshot();
});

test("run shows what generate would take, and steered runs differ", async () => {
  const path = join(folder, "silence.json");
  await writeFile(
    path,
    JSON.stringify({ interventions: [{ kind: "ablate", site: "blocks.*.mlp_out" }] }),
  );
  const next = async (...options: string[]): Promise<{ id: number; probability: number }[]> => {
    const { stdout } = await cli("run", network, "1,5,9", "--ids", "--json", ...options);
    return (JSON.parse(stdout) as { next: { id: number; probability: number }[] }).next;
  };
  const [first] = (await json("generate", network, "1,5,9", ...five)).generated;
  const [plain] = await next();
  expect(plain!.id).toBe(first!.id);
  expect(plain!.probability).toBeCloseTo(first!.probability, 5);
  expect(await next("--top", "3")).toHaveLength(3);
  expect(await next("--interventions", path)).not.toEqual(await next());
  const both = await cli("run", network, "1", "--ids", "--lens", "--interventions", path);
  expect(both.stderr).toMatchInlineSnapshot(`
    "run: --lens reads the layers of the network as it is, not of one that is steered.
      fix: leave --interventions or --lens out.
    "
  `);
});

test("--weights changes the numbers a little, and fp32 not at all", async () => {
  const probability = async (...options: string[]): Promise<number> => {
    const argv = ["run", "organism:stories", "Mira found a red", "--top", "1", "--json"];
    const { stdout } = await cli(...argv, ...options);
    return (JSON.parse(stdout) as { next: { probability: number }[] }).next[0]!.probability;
  };
  const plain = await probability();
  const coarse = await probability("--weights", "q4");
  expect(await probability("--weights", "fp32")).toBe(plain);
  expect(coarse).not.toBe(plain);
  // 0.05: four bits in blocks of 64 move a likely token's probability by a few percent
  expect(Math.abs(coarse - plain)).toBeLessThan(0.05);
});
