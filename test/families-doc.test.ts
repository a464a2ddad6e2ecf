// docs/families.md says what opens. `npm run families` writes it anew, with the errors measured on that computer.

import { readFileSync, writeFileSync } from "node:fs";

import { expect, test } from "vitest";

import { architectures } from "../src/architectures/index.ts";
import { openGguf } from "../src/checkpoints/gguf/gguf.ts";
import { openNetwork } from "../src/checkpoints/load.ts";
import { openAudio } from "../src/checkpoints/open-audio.ts";
import { openEncoder } from "../src/checkpoints/open-encoder.ts";
import { openSeq2Seq } from "../src/checkpoints/open-seq2seq.ts";
import { openVision } from "../src/checkpoints/open-vision.ts";
import { openVisionLanguage } from "../src/checkpoints/open-vision-language.ts";
import { readJson } from "../src/core/files.ts";
import type { Pass, RunOptions } from "../src/network/network.ts";
import type { Tensor } from "../src/runtime/index.ts";
import { openFolder } from "../src/runtime/open-folder.ts";
import { imagesOf } from "./golden/images.ts";
import { difference, goldenNames, openGolden } from "./golden/read.ts";
import type { GoldenFile, GoldenKind } from "./golden/read.ts";
import { recordingsOf } from "./golden/recordings.ts";

const DOC = "docs/families.md";

/** One line of the table: a golden checkpoint, what it is, its sites and how far they are from transformers. */
interface Family {
  readonly golden: string;
  readonly architecture: string;
  readonly kind: GoldenKind;
  /** With `{i}` for the block. */
  readonly sites: readonly string[];
  readonly error: number;
}

/** A pass over a golden's first prompt. */
type Run = (options: RunOptions) => Promise<Pass>;

/** How the goldens of a kind are run. */
const RUNS: Readonly<Record<GoldenKind, (golden: GoldenFile) => Promise<Run>>> = {
  audio: async (golden) => {
    const net = await openAudio(golden.files, { check: false });
    const [{ samples }] = await recordingsOf(golden);
    return (options) => net.run(samples, options);
  },
  decoder: async ({ files, rows }) => {
    const net = await openNetwork(files, { check: false });
    const [ids] = await rows("0/input_ids");
    return (options) => net.run(ids!, options);
  },
  encoder: async ({ files, rows }) => {
    const net = await openEncoder(files, { check: false });
    const [[ids], [types]] = [await rows("0/input_ids"), await rows("0/types")];
    return (options) =>
      net.run(net.config.nTypes > 1 ? { ids: ids!, types: types! } : ids!, options);
  },
  seq2seq: async ({ files, rows }) => {
    const net = await openSeq2Seq(files, { check: false });
    const [[source], [target]] = [await rows("0/source_ids"), await rows("0/target_ids")];
    return (options) => net.run({ source: source!, target: target! }, options);
  },
  vision: async (golden) => {
    const net = await openVision(golden.files, { check: false });
    const [{ given }] = await imagesOf(golden);
    return (options) => net.run(given, options);
  },
  "vision-language": async (golden) => {
    const net = await openVisionLanguage(golden.files, { check: false });
    const [{ images }] = await imagesOf(golden);
    const prompt = await golden.rows("0/input_ids");
    return (options) => net.run({ prompt, images }, options);
  },
};

async function familyOf(name: string): Promise<Family> {
  const golden = await openGolden(name);
  const { kind } = golden;
  const [architecture] = await architecturesOf(golden);
  const sites = await golden.floats("0/");
  const error = await largestError(await RUNS[kind](golden), sites);
  return { golden: name, architecture: architecture!, kind, sites: general(sites.keys()), error };
}

async function architecturesOf({ files }: GoldenFile): Promise<string[]> {
  const config = await readJson("test", files, "config.json");
  return (config as { architectures: string[] }).architectures;
}

async function largestError(
  run: Run,
  sites: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
): Promise<number> {
  const pass = await run({ capture: [...sites.keys()] });
  const read = async (x: Tensor): Promise<Float32Array> => (await x.data()) as Float32Array;
  let error = 0;
  for (const [site, want] of sites) {
    const tensor = pass.at(site);
    const got = { shape: tensor.shape, data: await read(tensor) };
    error = Math.max(error, difference(site, got, want).maxAbs);
  }
  return error;
}

/** Architectures that a GGUF file of the tests holds. */
const ggufs = new Set<string>();
for (const path of Object.keys(import.meta.glob("./golden/gguf/*.gguf"))) {
  const files = openFolder(new URL("./golden/gguf", import.meta.url).href);
  // some hold tensors or a tokenizer alone
  const opened = await openGguf(files, path.split("/").at(-1)!).catch(() => undefined);
  const [name] = (opened?.config as { architectures?: string[] } | undefined)?.architectures ?? [];
  if (name !== undefined) ggufs.add(name);
}

const general = (sites: Iterable<string>): string[] => [
  ...new Set([...sites].map((site) => site.replaceAll(/\.\d+\./g, ".{i}."))),
];

/** Names of sites, those of one module in braces. */
function summary(sites: readonly string[]): string {
  const modules = new Map<string, string[]>();
  for (const site of sites) {
    const [, module = "", last = site] = /^(.*\.)?([^.]+)$/.exec(site) ?? [];
    modules.set(module, [...(modules.get(module) ?? []), last]);
  }
  return [...modules]
    .map(([module, names]) =>
      names.length === 1 ? `\`${module}${names[0]}\`` : `\`${module}{${names.join(",")}}\``,
    )
    .join(" ");
}

/** The sites that most of these checkpoints have. */
function usualSites(families: readonly Family[]): string[] {
  const counts = new Map<string, number>();
  for (const { sites } of families)
    for (const site of sites) counts.set(site, (counts.get(site) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > families.length / 2).map(([site]) => site);
}

function row({ golden, architecture, error, sites }: Family, usual: readonly string[]): string {
  const more = sites.filter((site) => !usual.includes(site));
  const fewer = usual.filter((site) => !sites.includes(site));
  const isGguf = ggufs.has(architecture) ? "yes" : "";
  const cells = [
    architecture,
    isGguf,
    golden,
    error.toExponential(0),
    summary(more),
    summary(fewer),
  ];
  return `| ${cells.join(" | ")} |`;
}

const COLUMNS = [
  "architecture",
  "GGUF",
  "checkpoint",
  "largest error",
  "more sites",
  "fewer sites",
];

function section(kind: GoldenKind, families: readonly Family[]): string {
  const usual = usualSites(families);
  return [
    `## ${TITLES[kind]}`,
    `Sites that most of them have: ${summary(usual)}.`,
    [
      `| ${COLUMNS.join(" | ")} |`,
      `|${COLUMNS.map(() => " --- |").join("")}`,
      ...families.map((family) => row(family, usual)),
    ].join("\n"),
  ].join("\n\n");
}

function page(families: readonly Family[]): string {
  const kinds = Object.keys(TITLES) as GoldenKind[];
  const sections = kinds.map((kind) =>
    section(
      kind,
      families.filter((family) => family.kind === kind),
    ),
  );
  return `${[INTRODUCTION, ...sections].join("\n\n")}\n`;
}

/** In the order of the page. */
const TITLES: Readonly<Record<GoldenKind, string>> = {
  decoder: "Decoders: the next token",
  seq2seq: "Encoder-decoders: another text",
  encoder: "Text encoders: hidden states, vectors of texts, classes",
  vision: "Images: classes, features, agreement with texts",
  "vision-language": "Images and texts: the next token",
  audio: "Sound: hidden states, letters",
};

const INTRODUCTION = `# Families

Every architecture here opens from a folder in Hugging Face layout (safetensors, also sharded; F64, F32, F16, BF16, F8_E4M3,
F8_E5M2), from a repository of a hub (\`hf:org/name@revision\`), and those that llama.cpp has from a GGUF file.

Each line is a tiny checkpoint with every value of it compared with \`transformers\`: \`test/golden/make.py\` makes them, \`npm test\`
compares them (at most 1e-4, and the scale within 1e-3), and \`npm run families\` writes this page. Errors are the largest absolute
difference over all sites, where activations are of order 1 to 10.`;

/** The page without its errors, which differ from computer to computer in their last digits, and without its layout. */
const withoutErrors = (text: string): string =>
  text
    .replaceAll(/\| \de[+-]\d+ +\|/g, "| |")
    .replaceAll(/-{3,}/g, "---")
    .replaceAll(/ +/g, " ");

test("the page lists every golden, its sites and an error that the parity tests allow", async () => {
  const families: Family[] = [];
  for (const golden of goldenNames) families.push(await familyOf(golden));
  const order = ({ kind, architecture, golden }: Family): string =>
    `${kind} ${architecture} ${golden}`;
  families.sort((a, b) => (order(a) < order(b) ? -1 : 1));
  expect(families.filter(({ error }) => !(error <= 1e-4))).toEqual([]);
  const text = page(families);
  if (process.env["PATCHCLAMP_WRITE_FAMILIES"] === "1") writeFileSync(DOC, text);
  expect(withoutErrors(readFileSync(DOC, "utf8"))).toBe(withoutErrors(text));
});

test("no architecture is said to open that has no golden", async () => {
  const proven = new Set<string>();
  for (const golden of goldenNames) {
    for (const name of await architecturesOf(await openGolden(golden))) proven.add(name);
  }
  expect(architectures.filter((name) => !proven.has(name))).toEqual([]);
});
