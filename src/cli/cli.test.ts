import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { organismNames } from "../organisms/catalog.ts";
import { cli } from "../../test/cli-host.ts";
import { readSafetensors } from "../checkpoints/safetensors.ts";
import { loadEncoder, openNetwork } from "../index.ts";
import { openGolden } from "../../test/golden/read.ts";
import { maxDifference, tinyFiles } from "../../test/tiny.ts";
import { nodeFiles } from "../runtime/node-files.ts";
import { commands } from "./cli.ts";

// A GPT-2 with random weights and a tokenizer of 101 pieces; `test/golden/make.py` made it.
const network = "test/golden/gpt2";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "patchclamp-cli-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a group alone shows what stands below it", async () => {
  const { exitCode, stderr } = await cli("steer");
  expect(exitCode).toBe(2);
  for (const name of ["learn", "apply", "curve", "describe", "convert"]) {
    expect(stderr).toMatch(new RegExp(`^  ${name} +\\w`, "m"));
  }
});

test("the help names every command of one word", async () => {
  const { exitCode, stdout } = await cli("--help");
  expect(exitCode).toBe(0);
  for (const { name, summary } of commands.filter((command) => !command.name.includes(" "))) {
    expect(stdout).toContain(`${name} `);
    expect(stdout.replaceAll(/\s+/g, " ")).toContain(summary);
  }
});

test.each(commands.map(({ name }) => [name]))("`%s --help` shows its examples", async (name) => {
  const { exitCode, stdout } = await cli(...name.split(" "), "--help");
  const { examples } = commands.find((command) => command.name === name)!;
  expect(exitCode).toBe(0);
  for (const line of examples) expect(stdout).toContain(`$ patchclamp ${line}`);
});

test("sites --json lists every site, with names where sizes depend on the prompt", async () => {
  const { exitCode, stdout, stderr } = await cli("sites", network, "--json");
  const net = await openNetwork(nodeFiles(network));
  const { sites } = JSON.parse(stdout) as { sites: { name: string; shape: unknown[] }[] };
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(sites.map(({ name }) => name)).toEqual(net.sites().map(({ name }) => name));
  expect(sites.find(({ name }) => name === "blocks.1.attn.pattern")!.shape).toEqual([
    "batch",
    net.config.nHeads,
    "query",
    "key",
  ]);
});

test("sites --match keeps what matches, and prints blocks that share a line as a pattern", async () => {
  const { stdout } = await cli("sites", network, "--match", "blocks.*.resid_post");
  expect(stdout).toContain("2 values");
  expect(stdout).toContain("blocks.*.resid_post");
  expect(stdout).not.toContain("attn.z");
});

test("capture saves the numbers that run gives", async () => {
  const out = join(folder, "captured.safetensors");
  const site = "blocks.1.resid_post";
  const { exitCode } = await cli(
    "capture",
    network,
    "1,5,9",
    "--ids",
    "--site",
    site,
    "--out",
    out,
  );
  const { tensors, metadata } = await readSafetensors(nodeFiles(folder), "captured.safetensors");
  const net = await openNetwork(nodeFiles(network));
  const expected = await (await net.run([1, 5, 9], { capture: site })).at(site).data();
  expect(exitCode).toBe(0);
  expect([...tensors.keys()]).toEqual([site]);
  expect(await tensors.get(site)!.data()).toEqual(expected);
  expect(metadata["prompt"]).toBe("1,5,9");
});

test("capture --json summarises each site rightly", async () => {
  const { stdout } = await cli("capture", network, "1,5", "--ids", "--site", "embed", "--json");
  const [{ values, mean, std, norm }] = (JSON.parse(stdout) as { sites: [Summary] }).sites;
  const average = values.reduce((sum, x) => sum + x, 0) / values.length;
  const spread = values.reduce((sum, x) => sum + (x - average) ** 2, 0) / values.length;
  expect(mean).toBeCloseTo(average, 10);
  expect(std).toBeCloseTo(Math.sqrt(spread), 10);
  expect(norm).toBeCloseTo(Math.hypot(...values), 10);
});

interface Summary {
  values: number[];
  mean: number;
  std: number;
  norm: number;
}

test("generate --json gives the tokens that the library gives", async () => {
  const { stdout } = await cli(
    "generate",
    network,
    "1,5,9",
    "--ids",
    "--max-tokens",
    "4",
    "--json",
  );
  const { generated } = JSON.parse(stdout) as { generated: { id: number }[] };
  const net = await openNetwork(nodeFiles(network));
  const expected: number[] = [];
  for await (const { id } of net.generate([1, 5, 9], { maxTokens: 4 })) expected.push(id);
  expect(generated.map(({ id }) => id)).toEqual(expected);
});

test("generate --count --log-probabilities --json gives what the library gives", async () => {
  const prompt = ["generate", network, "1,5,9", "--ids", "--max-tokens", "4"];
  const sampling = [
    "--temperature",
    "1.5",
    "--seed",
    "3",
    "--min-p",
    "0.01",
    "--typical-p",
    "0.95",
  ];
  const penalties = ["--presence-penalty", "1", "--frequency-penalty", "0.5"];
  const more = ["--repetition-penalty", "1.2", "--count", "2", "--log-probabilities", "2"];
  const { stdout, stderr } = await cli(...prompt, ...sampling, ...penalties, ...more, "--json");
  const { continuations, generated } = JSON.parse(stdout) as {
    continuations: { text: string; generated: Likely[] }[];
    generated: Likely[];
  };
  const net = await openNetwork(nodeFiles(network));
  const expected: Likely[][] = [[], []];
  for await (const { row, id, logProbability, alternatives } of net.generate([1, 5, 9], {
    maxTokens: 4,
    count: 2,
    logProbabilities: 2,
    temperature: 1.5,
    seed: 3,
    minP: 0.01,
    typicalP: 0.95,
    repetitionPenalty: 1.2,
    presencePenalty: 1,
    frequencyPenalty: 0.5,
  })) {
    expected[row]!.push({ id, logProbability, alternatives: [...alternatives] });
  }
  expect(stderr).toBe("");
  expect(continuations).toMatchObject(expected.map((tokens) => ({ generated: tokens })));
  expect(generated).toEqual(continuations[0]!.generated);
  expect(expected[0]).not.toEqual(expected[1]);
});

interface Likely {
  id: number;
  logProbability: number;
  alternatives?: Likely[];
}

test("generate --stop ends the text before any of the texts", async () => {
  const prompt = ["generate", "organism:stories", "Mira found a red kite.", "--max-tokens", "20"];
  const free = JSON.parse((await cli(...prompt, "--json")).stdout) as { continuation: string };
  const stop = free.continuation.slice(9, 14);
  const { stdout } = await cli(...prompt, "--stop", "never", stop);
  const expected = free.continuation.slice(0, free.continuation.indexOf(stop));
  expect(stdout).toBe(`Mira found a red kite.${expected}\n`);
  expect(expected).toMatch(/^ \w/);
});

test("generate --log-probabilities prints a table of them", async () => {
  const options = ["--max-tokens", "3", "--log-probabilities", "2", "--count", "2"];
  const { stdout } = await cli("generate", "organism:stories", "Mira found", ...options);
  expect(stdout).toContain("Log-probabilities of continuation 2, in nats");
  expect(stdout.match(/^at +-0\.001 +at -0\.001, near -8\.\d{3}$/gm)).toHaveLength(2);
});

test.each([
  ["--repetition-penalty", "0", "repetitionPenalty is 0, not a finite number above 0."],
  ["--count", "0", "count is 0, not a whole number of at least 1."],
])("generate %s %s is refused", async (option, value, problem) => {
  const { exitCode, stderr } = await cli("generate", network, "1", "--ids", option, value);
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: `generate: ${problem}\n` });
});

test("run --lens ends with the network's own probabilities", async () => {
  const { stdout } = await cli("run", network, "1,5,9", "--ids", "--lens", "--json");
  const { next, layers } = JSON.parse(stdout) as { next: Next[]; layers: { cells: Next[] }[] };
  expect(layers.at(-1)!.cells.at(-1)!.id).toBe(next[0]!.id);
  expect(layers.at(-1)!.cells.at(-1)!.probability).toBeCloseTo(next[0]!.probability, 6);
  expect(layers).toHaveLength(3);
});

interface Next {
  id: number;
  probability: number;
}

test("generate --out x.html saves a page that holds the continuation", async () => {
  const out = join(folder, "page.html");
  const options = ["--ids", "--max-tokens", "3", "--out", out];
  const { stdout, stderr } = await cli("generate", network, "1,5,9", ...options);
  expect(await readFile(out, "utf8")).toContain(stdout.trim().split(" ").slice(-3).join(" "));
  expect(stderr).toBe(`Saved ${out}.\n`);
});

test.each([
  ["a strength that is no number", ["steer", "apply", "x", "--strength", "strong"], 2],
  ["a range that goes down", ["steer", "apply", "x", "--strength", "6..-6"], 2],
  ["an endless range", ["steer", "apply", "x", "--strength", "-100..100"], 2],
  ["a missing prompt", ["generate", "--seed", "1"], 2],
  ["a network where the prompt belongs", ["run", "organism:stories"], 2],
  ["a file type that the command does not save", ["sites", "--out", "sites.png"], 2],
  ["an unknown command", ["runn"], 2],
  ["an unknown command of a group", ["steer", "runn"], 2],
  ["several prompts without a network", ["generate", "Mira sang.", "Tomo sang."], 2],
  ["a form of weights that there is not", ["run", "x", "--weights", "q5"], 2],
  ["an unknown site", ["capture", network, "1", "--ids", "--site", "blocks.9.attn.z"], 1],
  ["a pattern that matches nothing", ["sites", network, "--match", "blocks.*.nothing"], 1],
  ["no site at all", ["capture", network, "1", "--ids"], 1],
  ["ids that are no ids", ["run", network, "1,x", "--ids"], 1],
  ["an id outside the vocabulary", ["run", network, "1,999", "--ids"], 1],
  ["a folder without a network", ["sites", "test/golden/nowhere"], 1],
  ["an unknown organism", ["sites", "organism:nobody"], 1],
])("%s is refused in one sentence", async (_, argv, code) => {
  const { exitCode, stdout, stderr } = await cli(...argv);
  expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: "" });
  expect(stderr).toMatchSnapshot();
});

test("with --json an error is a JSON document on standard output", async () => {
  const failed = await cli("sites", network, "--match", "nothing", "--json");
  const misused = await cli("sites", "--nothing", "--json");
  expect(failed).toMatchObject({ exitCode: 1, stderr: "" });
  expect(JSON.parse(failed.stdout)).toMatchObject({
    error: { code: "UNKNOWN_SITE", facts: { site: "nothing" } },
  });
  expect(misused).toMatchObject({ exitCode: 2, stderr: "" });
  expect(JSON.parse(misused.stdout)).toMatchObject({ error: { code: "USAGE" } });
});

test("options after a subcommand belong to it", async () => {
  const { stdout } = await cli("organisms", "check", "nobody", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: "UNKNOWN_NAME" } });
});

test("organisms --json lists every organism by the name that opens it", async () => {
  const { stdout } = await cli("organisms", "--json");
  const names = (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
  expect(names).toEqual(organismNames.map((name) => `organism:${name}`));
});

test("generate --chat writes the prompt in the network's chat template", async () => {
  const place = join(folder, "chat");
  const from = await tinyFiles("llama", {
    words: ["user", "assistant", "system", "hello", "calm"],
    config: { vocab_size: 9 },
  });
  const to = nodeFiles(place);
  for (const file of await from.list()) await to.write(file, await from.read(file));
  const template =
    "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}{% if add_generation_prompt %}assistant{% endif %}";
  await to.write("chat_template.jinja", new TextEncoder().encode(template));
  const plain = ["generate", place, "hello", "--max-tokens", "1", "--json"];
  const tokensOf = async (...args: string[]): Promise<string[]> => {
    const { stdout } = await cli(...plain, ...args);
    return (JSON.parse(stdout) as { tokens: string[] }).tokens;
  };
  expect(await tokensOf("--chat")).toEqual(["user", "hello", "assistant"]);
  expect(await tokensOf("--system", "calm")).toEqual([
    "system",
    "calm",
    "user",
    "hello",
    "assistant",
  ]);
});

test("a network without a chat template says so", async () => {
  const { exitCode, stderr } = await cli("run", "organism:stories", "Mira", "--chat");
  expect(exitCode).toBe(1);
  expect(stderr).toMatchInlineSnapshot(`
    "applyChatTemplate: organism:stories has no chat template: it was trained on plain text, or its template was not kept.
      fix: write the prompt yourself, or put the template beside the weights as chat_template.jinja.
    "
  `);
});

test("sites and capture take text encoders too", async () => {
  const place = join(folder, "encoder");
  const { files } = await openGolden("bert");
  for (const file of await files.list()) {
    await nodeFiles(place).write(file, await files.read(file));
  }
  const listed = await cli("sites", place, "--json");
  expect(JSON.parse(listed.stdout)).toMatchObject({ kind: "encoder" });
  const { exitCode, stdout } = await cli("capture", place, "w7 w8", "--site", "hidden", "--json");
  expect(exitCode).toBe(0);
  const { tokens, sites } = JSON.parse(stdout) as {
    tokens: string[];
    sites: { values: number[] }[];
  };
  const hidden = (await (await loadEncoder(place)).run("w7 w8")).at("hidden");
  expect(tokens).toContain("w7");
  expect(maxDifference(sites[0]!.values, await hidden.numbers())).toBeLessThanOrEqual(1e-6);
});
