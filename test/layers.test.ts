// The import order, checked from both sides: the linter's overrides say what this list says, and no import disobeys it.

import fs from "node:fs";
import path from "node:path";

import { parseSync } from "oxc-parser";
import { expect, test } from "vitest";

/** Each folder of src/ may import those before it. */
const LAYERS = `
  core tensor onnx runtime nn values network architectures checkpoints
  worlds organisms store report methods scale server cli
`
  .trim()
  .split(/\s+/);

/** Folders that never reach a browser tab; of runtime/, only `node.ts` and `node-*.ts`. */
const NODE_ONLY = new Set(["store", "scale", "server", "cli"]);

const SRC = path.join(import.meta.dirname, "..", "src");

const folders = fs
  .readdirSync(SRC, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

const sources = fs
  .readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
  .map((file) => file.replaceAll(path.sep, "/"));

test("every folder of src has its place in the import order", () => {
  expect(folders.filter((folder) => !LAYERS.includes(folder))).toEqual([]);
});

test("only the index stands in src itself", () => {
  expect(sources.filter((file) => !file.includes("/") && file !== "index.ts")).toEqual([]);
});

test.each(LAYERS)("the linter holds %s to the import order", (folder) => {
  expect(restrictions(`src/${folder}/**`)).toEqual(expectedRestrictions(folder));
});

test("the linter allows Node's modules to the Node half of runtime and nothing else", () => {
  const others = expectedRestrictions("runtime").filter(({ regex }) => regex !== "^node:");
  expect(restrictions("src/runtime/node.ts")).toEqual(others);
});

test("no file of src imports a folder to its right", () => {
  const turned = sources.flatMap((file) => {
    const own = LAYERS.indexOf(folderOf(file));
    return imports(file)
      .filter((target) => LAYERS.indexOf(folderOf(target)) > own)
      .map((target) => `${file} imports ${target}`);
  });
  // src/index.ts stands in no folder and gathers from all.
  expect(turned.filter((line) => !line.startsWith("index.ts "))).toEqual([]);
});

test("Node's own modules are imported where no browser looks", () => {
  const strays = sources.filter(
    (file) =>
      !NODE_ONLY.has(folderOf(file)) &&
      !/^runtime\/node(-[a-z-]+)?\.ts$/.test(file) &&
      imports(file).some((target) => target.startsWith("node:")),
  );
  expect(strays).toEqual([]);
});

interface Restriction {
  regex: string;
  message: string;
}

/** What the linter refuses in the files of one override. */
function restrictions(files: string): Restriction[] | undefined {
  const config: {
    overrides: { files: string[]; rules: Record<string, [string, { patterns: Restriction[] }]> }[];
  } = JSON.parse(fs.readFileSync(path.join(SRC, "..", ".oxlintrc.json"), "utf8"));
  const override = config.overrides.find((candidate) => candidate.files.includes(files));
  return override?.rules["no-restricted-imports"]?.[1].patterns;
}

function expectedRestrictions(folder: string): Restriction[] {
  const later = LAYERS.slice(LAYERS.indexOf(folder) + 1);
  const expected: Restriction[] = [];
  if (later.length > 0) {
    const regex = `^(\\.\\./)+(${later.join("|")})/`;
    expected.push({ regex, message: `${folder} stands left of it in the import order` });
  }
  expected.push({ regex: "^patchclamp(/|$)", message: "inside src, import the file" });
  if (folder !== "runtime") {
    const regex = "^(#engine$|onnxruntime-)";
    expected.push({ regex, message: "only runtime knows ONNX Runtime" });
  }
  if (!NODE_ONLY.has(folder)) {
    expected.push({ regex: "^node:", message: `${folder} runs in a browser tab` });
  }
  return expected;
}

/** The modules that a source file imports, types and lazy imports too; its own folders' as paths inside src. */
function imports(file: string): string[] {
  const text = fs.readFileSync(path.join(SRC, file), "utf8");
  const { module } = parseSync(file, text);
  const exported = module.staticExports.flatMap(({ entries }) => entries);
  const names = [
    ...module.staticImports.map((statement) => statement.moduleRequest.value),
    ...exported.flatMap((entry) => entry.moduleRequest?.value ?? []),
    ...module.dynamicImports.map(({ moduleRequest: { start, end } }) =>
      text.slice(start + 1, end - 1),
    ),
  ];
  return names.map((name) =>
    name.startsWith(".") ? path.posix.join(path.posix.dirname(file), name) : name,
  );
}

function folderOf(file: string): string {
  return file.split("/")[0] ?? "";
}
