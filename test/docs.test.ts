// Programs shown in the documentation run, print what they say they print, and link to files that exist.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { cli } from "./cli-host.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const pages = ["README.md", "CONTRIBUTING.md", ...markdownBelow("docs")];

function markdownBelow(folder: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".md")).map((name) => `${folder}/${name}`);
}

/** A program of a page: a TypeScript block that imports something. */
interface Program {
  readonly name: string;
  readonly code: string;
}

function programs(page: string): Program[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)]
    .map(([, code]) => code!)
    .filter((code) => code.includes("import "))
    .map((code, i) => ({ name: `${page} #${i + 1}`, code }));
}

/** Runs a program with a console of its own; returns what it printed, a string a call. */
async function printedBy({ name, code }: Program): Promise<string[]> {
  const file = join(root, ".cache/docs", `${name.replaceAll(/\W+/g, "-")}.ts`);
  mkdirSync(dirname(file), { recursive: true });
  const quiet =
    "const console = { log: (...parts: unknown[]) => void printed.push(parts.map((part) => typeof part === 'string' ? part : JSON.stringify(part)).join(' ')) };";
  writeFileSync(file, `export const printed: string[] = [];\n${quiet}\n${code}`);
  const module = (await import(file)) as { printed: string[] };
  return module.printed;
}

const examples: Program[] = readdirSync(join(root, "examples")).map((name) => ({
  name: `examples/${name}`,
  code: readFileSync(join(root, "examples", name), "utf8"),
}));

test.each(examples)("$name runs and prints something", async (program) => {
  expect(await printedBy(program)).not.toEqual([]);
});

test.each(pages.flatMap(programs))(
  "the program in $name prints what its comments say",
  async (program) => {
    const expected = [...program.code.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(
      ([, text]) => text!,
    );
    const printed = await printedBy(program);
    for (const [i, text] of expected.entries()) expect(printed[i]).toContain(text);
  },
);

/** Every `npx patchclamp ...` of a page, as words. */
function commandLines(page: string): { page: string; line: string; words: string[] }[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^npx patchclamp (.*?)\s*(?:#.*)?$/gm)].map(([, line]) => ({
    page,
    line: line!,
    words: [...line!.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
      ([, double, single, bare]) => (double ?? single ?? bare)!,
    ),
  }));
}

/** The commands of a page run in turn in one folder, empty at first. */
const folders = new Map(
  pages.map((page) => [page, mkdtempSync(join(tmpdir(), "patchclamp-docs-"))]),
);

test.each(pages.flatMap(commandLines))("patchclamp $line runs", async ({ page, words }) => {
  process.chdir(folders.get(page)!);
  const { exitCode, stderr } = await cli(...words);
  expect(exitCode).toBe(0);
  expect(stderr).toMatch(/^(?:Saved .+\.\n)*$/); // no unknown word, no other complaint
});

test.each(pages)("links of %s lead to files that exist", (page) => {
  const text = readFileSync(join(root, page), "utf8");
  const targets = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)|src="([^"]+)"/g)].map(
    ([, link, src]) => (link ?? src)!,
  );
  const local = targets.filter((target) => !/^[a-z]+:/.test(target));
  const broken = local.filter((target) => !existsSync(join(root, dirname(page), target)));
  expect(broken.map((target) => relative(root, target))).toEqual([]);
});
