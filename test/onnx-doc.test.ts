// docs/onnx.md says which operators are imported and what becomes of ONNX's own tests. `node scripts/onnx-doc.mjs` writes it anew.

import { readFileSync, writeFileSync } from "node:fs";

import { expect, test } from "vitest";

import { importHandlers } from "../src/onnx/import/index.ts";
import { refusals as notRun } from "../src/onnx/import/refusals.ts";
import { readModel } from "../src/onnx/model.ts";
import type { Category } from "./onnx-nodes.ts";
import { categoryOf, readCases, REFUSED, subjectOf } from "./onnx-nodes.ts";

const DOC = "docs/onnx.md";

/** One packed case, and the sentence with which it is refused. */
interface Result {
  readonly name: string;
  readonly kind: string;
  readonly subject: string;
  readonly category: Category;
  readonly refused: string | undefined;
}

const { version, cases } = readCases();
const refused = JSON.parse(readFileSync(REFUSED, "utf8")) as Record<string, string>;
const results: readonly Result[] = cases.map((one) => {
  const { graph } = readModel("test", one.model);
  const { name, kind } = one;
  return {
    name,
    kind,
    subject: subjectOf(one, graph),
    category: categoryOf(graph),
    refused: refused[name],
  };
});

const CATEGORIES: Readonly<Record<Category, string>> = {
  real: "real numbers",
  whole: "whole numbers and bools alone",
  other: "texts, sequences, optional values, numbers of fewer than 8 bits, 8-bit floats",
};

const KINDS: Readonly<Record<string, string>> = {
  node: "node tests",
  "pytorch-converted": "PyTorch modules",
  "pytorch-operator": "PyTorch operators",
  simple: "simple models",
};

function share(all: readonly Result[]): string {
  const passed = all.filter((one) => one.refused === undefined).length;
  return all.length === 0
    ? ""
    : `${passed} of ${all.length} (${((100 * passed) / all.length).toFixed(1)} %)`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function counts(): string {
  const kinds = Object.keys(KINDS);
  const rows = (Object.keys(CATEGORIES) as Category[]).map((category) => [
    CATEGORIES[category],
    ...kinds.map((kind) =>
      share(results.filter((one) => one.kind === kind && one.category === category)),
    ),
  ]);
  return table(["cases that hold", ...kinds.map((kind) => KINDS[kind]!)], rows);
}

/** Cases that are refused for one reason: the sentence without the name of the function. */
function refusals(): string {
  const reasons = new Map<string, string[]>();
  for (const { name, refused: sentence } of results) {
    if (sentence === undefined) continue;
    const [line] = sentence.split("\n");
    const reason = line!
      .replace(/^\w+: /, "")
      .replace(/^the (constant|input) "[^"]*" /, "a value ")
      .replace(/\|/g, "\\|");
    reasons.set(reason, [...(reasons.get(reason) ?? []), name.replace(/^test_/, "")]);
  }
  const rows = [...reasons].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return table(
    ["reason", "cases", ""],
    rows.map(([reason, names]) => [reason, String(names.length), summary(names)]),
  );
}

/** Names, the first of many. */
function summary(names: readonly string[]): string {
  const shown = names.slice(0, 4).map((name) => `\`${name}\``);
  return names.length > 4 ? `${shown.join(" ")} ...` : shown.join(" ");
}

function operators(): string {
  const byDomain = new Map<string, string[]>();
  for (const key of Object.keys(importHandlers).toSorted()) {
    if (key in notRun) continue;
    const dot = key.lastIndexOf(".");
    const domain = key.slice(0, Math.max(dot, 0));
    byDomain.set(domain, [...(byDomain.get(domain) ?? []), `\`${key.slice(dot + 1)}\``]);
  }
  return [...byDomain]
    .map(([domain, names]) => `${domain === "" ? "ONNX" : `\`${domain}\``}: ${names.join(", ")}.`)
    .join("\n\n");
}

const real = results.filter((one) => one.kind === "node" && one.category === "real");

const page = (): string => `# ONNX

PatchClamp runs ONNX models through its traced tensors, so that every value of a graph is a site. Shapes are known before a graph
runs: what they are computed from is folded, and an operator whose result has a shape that depends on values is refused. Halves and
doubles are computed as float32, whole numbers of 2 and 4 bits as those of 8, of 16 bits as int32, of 32 and 64 bits without a sign as
int64: results that do not fit their own type are not wrapped around as it would.

Operators on quantised numbers are run by ONNX Runtime as they stand, so that their results are its own to the bit. Gradients through
them are those of the same network without rounding, and end where a range ends, as in PyTorch's fake quantisation. Recurrent layers
and the other operators that are run as they stand have no gradient, which is said by name.

## Operators

${operators()}

## ONNX's own tests

The tests that ship with the \`onnx\` Python package, version ${version}, each with what must come out, within 1e-3 of each number and
1e-7 (halves, which the tests round at every step, within 2^-9 and bfloat16 within 2^-6; two inverse DFTs, whose zeros are off in the
tests themselves, within 1e-6). Of the node tests on real numbers
**${share(real)}** pass. Every other case is refused with a sentence; \`npm test\` holds each of them to that.

${counts()}

Why the others are refused:

${refusals()}
`;

/** The page without its layout. */
const plain = (text: string): string => text.replaceAll(/-{3,}/g, "---").replaceAll(/ +/g, " ");

test("the page says what is imported and what is refused", () => {
  if (process.env["PATCHCLAMP_WRITE_ONNX"] === "1") writeFileSync(DOC, page());
  expect(plain(readFileSync(DOC, "utf8"))).toBe(plain(page()));
});

test("of ONNX's node tests on real numbers at least 95 % pass", () => {
  const passed = real.filter((one) => one.refused === undefined);
  expect(passed.length / real.length).toBeGreaterThanOrEqual(0.95);
});
