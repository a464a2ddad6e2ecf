import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { cli } from "../../../test/cli-host.ts";
import { Rng } from "../../core/rng.ts";
import { loadNetwork } from "../../index.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import {
  interventionSet,
  loadInterventions,
  readControlVector,
  readDictionary,
  writeInterventions,
  writeProbe,
} from "../../checkpoints/values/index.ts";
import type { Dictionary, InterventionSetInput } from "../../checkpoints/values/index.ts";
import { moodPairs } from "../../worlds/index.ts";

// A GPT-2 with random weights and a tokenizer of 101 pieces; `test/golden/make.py` made it.
const network = "test/golden/gpt2";
const stories = "organism:stories";
const golden = "test/golden/values";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "patchclamp-steer-"));
  const pairs = moodPairs(new Rng(3), 32);
  const lines = pairs.map(({ happy, sad }) => JSON.stringify({ positive: happy, negative: sad }));
  await writeFile(at("pairs.jsonl"), lines.join("\n"));
  const sad = moodPairs(new Rng(4), 20).map((pair) => pair.sad);
  const short = sad.filter((text) => text.split(" ").length < 25);
  await writeFile(at("sad.txt"), short.slice(0, 12).join("\n"));
});
afterAll(() => rm(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);

const bytesOf = (path: string): Promise<Buffer> => readFile(path);

async function json<T>(...argv: string[]): Promise<T> {
  const { stdout, exitCode } = await cli(...argv, "--json");
  expect({ exitCode, error: (JSON.parse(stdout) as { error?: unknown }).error }).toEqual({
    exitCode: 0,
    error: undefined,
  });
  return JSON.parse(stdout) as T;
}

/** Saves a set as a file of ours. */
async function saved(name: string, set: InterventionSetInput): Promise<string> {
  await writeFile(at(name), writeInterventions(set));
  return at(name);
}

const vector = (width: number, size: number): number[] =>
  Array.from({ length: width }, (_, i) => size * Math.sin(i));

interface Applied {
  unsteered: string;
  steered: { strength: number; dose: string; text: string }[];
}

test("apply at strength 0 changes nothing, and at another strength something", async () => {
  const texts = ["--positive", "a b", "--negative", "c d e"];
  const options = ["--strength", "0,900", "--max-tokens", "5"];
  const found = await json<Applied>("steer", "apply", network, "the cat", ...texts, ...options);
  expect(found.steered.map(({ strength }) => strength)).toEqual([0, 900]);
  expect(found.steered[0]!.text).toBe(found.unsteered);
  expect(found.steered[1]!.text).not.toBe(found.unsteered);
});

test("apply with a file writes what generate writes at each strength, and marks the usable ones", async () => {
  const path = await saved("push.safetensors", {
    interventions: [{ kind: "add", site: "blocks.1.resid_post", vector: vector(128, 4) }],
    curve: { metric: "joy", points: [{ strength: 0, effect: 0 }], band: [0.5, 1], collapse: 3 },
  });
  const options = ["--interventions", path, "--strength", "-1,1,3", "--max-tokens", "6"];
  const prompt = "Mira found a red kite.";
  const { steered } = await json<Applied>("steer", "apply", stories, prompt, ...options);
  expect(steered.map(({ dose }) => dose)).toEqual(["outside", "usable", "collapsed"]);
  for (const { strength, text } of steered) {
    const more = ["--interventions", path, "--strength", `${strength}`, "--max-tokens", "6"];
    const found = await json<{ continuation: string }>("generate", stories, prompt, ...more);
    expect(text).toBe(found.continuation.trim());
  }
  const { stdout } = await cli("steer", "apply", stories, prompt, ...options);
  expect(stdout).toMatch(/^ +1 ✓ /m);
  expect(stdout).toMatch(/^ +3 ✗ /m);
});

test.each([
  ["one kind of texts only", ["apply", network, "a", "--positive", "b"]],
  ["nothing to apply", ["apply", network, "a"]],
  ["texts and files", ["apply", network, "a", "--positive", "b", "--interventions", "x"]],
  ["pairs that are not there", ["apply", network, "a", "--pairs", "nowhere.jsonl"]],
  ["texts and pairs", ["learn", "--positive", "b", "--pairs", "nowhere.jsonl"]],
  ["no effect", ["learn", "--positive", "b", "--negative", "c"]],
  ["two effects", ["curve", "x", "--words", "b", "--match", "c"]],
  ["no prompts", ["curve", "x", "--words", "b"]],
  ["half a preference", ["curve", "x", "--prefer", "b", "--prompt", "c"]],
  ["a pattern that is none", ["curve", "x", "--match", "(", "--prompt", "c"]],
  ["prompts that are not there", ["curve", "x", "--match", "a", "--prompts", "nowhere.txt"]],
  ["a name that says no form", ["convert", "x.safetensors", "x.bin"]],
  ["a file that is not there", ["describe", "nowhere.gguf"]],
  ["a network for a file", ["describe", "organisms/stories/model.safetensors"]],
])("%s is refused in one sentence", async (_, argv) => {
  const { exitCode, stdout, stderr } = await cli("steer", ...argv);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expect(stderr).toMatchSnapshot();
});

test("a line of pairs that is no pair is named", async () => {
  await writeFile(at("odd.jsonl"), '{"positive": "a", "negative": "b"}\n\n{"positive": "a"}\n');
  const { exitCode, stderr } = await cli(
    "steer",
    "apply",
    stories,
    "Mira",
    "--pairs",
    at("odd.jsonl"),
  );
  expect(exitCode).toBe(1);
  expect(stderr.replace(folder, "")).toMatchInlineSnapshot(`
    "steer apply: line 3 of /odd.jsonl is not a pair.
      fix: write {"positive": "...", "negative": "..."} on each line.
    "
  `);
});

test("pairs of which only some have prompts are refused", async () => {
  const pair = { positive: "a", negative: "b" };
  const lines = [pair, { prompt: "c", ...pair }].map((one) => JSON.stringify(one));
  await writeFile(at("mixed.jsonl"), lines.join("\n"));
  const { stderr } = await cli("steer", "apply", stories, "Mira", "--pairs", at("mixed.jsonl"));
  expect(stderr.replace(folder, "")).toMatchInlineSnapshot(`
    "steer apply: 1 of 2 pairs in /mixed.jsonl have a prompt.
      fix: give all of them a prompt, or none.
    "
  `);
});

interface Learnt {
  site: string;
  isUsable: boolean;
  curve: { baseline: number; band: [number, number] };
  candidates: { site: string }[];
}

test("what learn saves steers, carries its curve, and says what it was made for", async () => {
  const out = at("mood.safetensors");
  const effect = ["--prompts", at("sad.txt"), "--match", "smile|laugh|cheer|best|wonderful|lucky"];
  const few = ["--tries", "1", "--strength", "2,4,6", "--max-tokens", "12"];
  const learning = ["steer", "learn", "--pairs", at("pairs.jsonl"), ...effect, ...few];
  const found = await json<Learnt>(...learning, "--out", out, "--out", at("mood.html"));
  const net = await loadNetwork(stories);
  const { set, origin } = await loadInterventions(nodeFiles(folder), "mood.safetensors", {
    network: net,
  });
  expect(found).toMatchObject({ isUsable: true, network: stories, name: "mood" });
  expect(found.candidates).toHaveLength(net.config.nLayers);
  expect(set).toMatchObject({ name: "mood", curve: found.curve });
  expect(origin).toBe("same");
  expect(await readFile(at("mood.html"), "utf8")).toContain("Where it was tried");

  // the same measurement again, in the strengths of the file
  const again = ["--strength", "1", "--random", "0", "--max-tokens", "12", ...effect];
  const measured = at("measured.safetensors");
  const { curve } = await json<{ curve: { points: { strength: number; effect: number }[] } }>(
    "steer",
    "curve",
    out,
    ...again,
    "--out",
    measured,
  );
  const effectAt1 = set.curve!.points.find(({ strength }) => strength === 1)!.effect;
  expect(curve.points.map(({ strength }) => strength)).toEqual([0, 1]);
  expect(curve.points[1]!.effect).toBe(effectAt1);
  const kept = await loadInterventions(nodeFiles(folder), "measured.safetensors");
  expect(kept.set).toEqual({ ...set, curve });

  const described = await cli("steer", "describe", out, stories);
  expect(described.stdout).toContain("and organism:stories has the same weights.");
  expect(described.stdout).toMatch(/usable at strengths? /);
  const { stderr } = await cli("generate", "Mira sang.", "--interventions", out);
  expect(stderr).toMatch(/^mood \(.*mood\.safetensors\): usable at strength/);
}, 180_000);

test("a file made for another network is used with a notice, and one of another width refused", async () => {
  const intervention = {
    kind: "add",
    site: "blocks.1.resid_post",
    vector: vector(128, 1),
  } as const;
  const madeFor = { network: "someone's", hash: "0123", dModel: 128 };
  const path = await saved("foreign.safetensors", { interventions: [intervention], madeFor });
  const options = ["Mira sang.", "--max-tokens", "2", "--interventions", path];
  const { stderr } = await cli("generate", stories, ...options);
  const { interventions } = await json<{ interventions: unknown[] }>(
    "generate",
    stories,
    ...options,
  );
  expect(stderr.replace(folder, "")).toMatchInlineSnapshot(`
    "/foreign.safetensors: its dose curve was not measured. It was made for someone's with other weights, so what was measured need not hold here.
    "
  `);
  expect(interventions).toMatchObject([{ origin: "different" }]);
  const refused = await cli("generate", network, "1", "--ids", "--interventions", path);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr.replaceAll(folder, "")).toMatchInlineSnapshot(`
    "/foreign.safetensors: this was made for someone's, which is 128 numbers wide; test/golden/gpt2 is 24 wide.
      fix: use it with the network it was made for, or make it again for this one.
    "
  `);
});

test("describe says what each kind of file does", async () => {
  await saved("set.safetensors", {
    name: "quiet",
    note: "for the evening",
    interventions: [
      { kind: "ablate", site: "blocks.0.mlp_out", at: { phase: "generated" } },
      { kind: "clamp", site: "blocks.1.resid_post", direction: [3, 4], min: -1, max: 1 },
    ],
  });
  const probe = { kind: "linear", site: "blocks.0.resid_post", direction: [1, 2] } as const;
  await writeFile(at("probe.safetensors"), writeProbe(probe));
  const files = [
    at("set.safetensors"),
    at("probe.safetensors"),
    `${golden}/control-vector.gguf`,
    `${golden}/lora`,
    `${golden}/saelens/topk`,
  ];
  for (const file of files) {
    const { stdout, exitCode } = await cli("steer", "describe", file);
    expect(exitCode).toBe(0);
    // without the title, which is as long as the path
    expect(stdout.slice(stdout.lastIndexOf("━") + 1)).toMatchSnapshot(basename(file));
  }
});

/** Converts, and gives what the new form has no place for. */
async function convert(from: string, to: string, ...options: string[]): Promise<string[]> {
  return (await json<{ lost: string[] }>("steer", "convert", from, to, ...options)).lost;
}

test("a file of ours becomes JSON and is the same file again", async () => {
  const path = await saved("all.safetensors", {
    name: "all",
    note: "everything that a set may say",
    interventions: [
      {
        kind: "add",
        site: "blocks.0.resid_post",
        vector: [0.1, 1e-20, -3],
        at: { positions: [0] },
      },
      {
        kind: "affine",
        site: "blocks.1.resid_post",
        weight: [
          [1, 0.3],
          [2, 4],
        ],
      },
      { kind: "experts", site: "blocks.0.moe.router_logits", off: [1], topK: 2 },
    ],
    conflict: "error",
    madeFor: { network: "one", hash: "ab", dModel: 3 },
    curve: { metric: "joy", points: [{ strength: 0, effect: 0.1 }] },
  });
  expect(await convert(path, at("all.json"))).toEqual([]);
  expect(await convert(at("all.json"), at("again.safetensors"))).toEqual([]);
  expect(await bytesOf(at("again.safetensors"))).toEqual(await bytesOf(path));
});

test("a control vector of repeng goes through our file, and comes out byte for byte", async () => {
  const path = `${golden}/control-vector.gguf`;
  const { modelHint } = await readControlVector(await bytesOf(path));
  const lost = await convert(path, at("vector.safetensors"));
  expect(lost).toEqual([`the model hint "${modelHint}"`]);
  await convert(at("vector.safetensors"), at("vector.gguf"), "--model-hint", modelHint!);
  expect(await bytesOf(at("vector.gguf"))).toEqual(await bytesOf(path));
  expect(await convert(path, at("copy.gguf"))).toEqual([]);
  expect(await bytesOf(at("copy.gguf"))).toEqual(await bytesOf(path));
});

test("pyvene's JSON is read back as the same interventions", async () => {
  const set: InterventionSetInput = {
    interventions: [
      { kind: "add", site: "blocks.0.resid_post", vector: [1, 2] },
      { kind: "ablate", site: "blocks.1.mlp_out" },
    ],
  };
  const path = await saved("simple.safetensors", { name: "simple", ...set });
  expect(await convert(path, at("simple.pyvene.json"))).toEqual(['the name "simple"']);
  await convert(at("simple.pyvene.json"), at("simple.json"));
  const json = JSON.parse(await readFile(at("simple.json"), "utf8")) as InterventionSetInput;
  expect(interventionSet(json)).toEqual(interventionSet(set));
});

test("an adapter of PEFT becomes one file and a folder again", async () => {
  await mkdir(at("lora"));
  await cp(`${golden}/lora`, at("lora"), { recursive: true });
  await convert(at("lora"), at("lora.safetensors"));
  await convert(at("lora.safetensors"), at("lora-again"));
  await convert(at("lora-again"), at("lora-again.safetensors"));
  expect(await bytesOf(at("lora-again.safetensors"))).toEqual(
    await bytesOf(at("lora.safetensors")),
  );
});

test("a dictionary of SAELens becomes one file and a folder again", async () => {
  await convert(`${golden}/saelens/topk`, at("topk.safetensors"));
  expect(await convert(at("topk.safetensors"), at("topk-again"))).toEqual(["the note"]);
  await convert(at("topk-again"), at("topk-again.safetensors"));
  const read = async (name: string): Promise<Dictionary> =>
    (await readDictionary(await bytesOf(at(name)))).dictionary;
  const { note: _, ...rest } = await read("topk.safetensors");
  expect(await read("topk-again.safetensors")).toEqual(rest);
  const { stderr } = await cli(
    "generate",
    network,
    "1",
    "--ids",
    "--interventions",
    at("topk.safetensors"),
  );
  expect(stderr.replace(folder, "")).toMatchInlineSnapshot(`
    "interventions: /topk.safetensors holds a dictionary, not interventions.
      fix: give a file of interventions; \`patchclamp steer describe FILE\` says what a file holds.
    "
  `);
});

test("what a form cannot hold is refused by its name, and nothing is written", async () => {
  const path = await saved("scale.safetensors", {
    interventions: [{ kind: "scale", site: "blocks.1.resid_post", gain: 2 }],
  });
  for (const to of [at("no.gguf"), at("no.pyvene.json"), at("no-folder")]) {
    const { exitCode, stderr } = await cli("steer", "convert", path, to);
    expect(exitCode).toBe(1);
    expect(stderr.replaceAll(folder, "")).toMatchSnapshot();
    await expect(readFile(to)).rejects.toThrow("ENOENT");
  }
});
