// Every backend test of the `onnx` package that is packed (golden/onnx/README.md) either passes or stands in refused.json with the
// sentence that says why, so that nothing is wrong, and what begins to pass must leave the list.

import { readFileSync, writeFileSync } from "node:fs";

import { afterAll, expect, test } from "vitest";

import { readModel } from "../src/onnx/model.ts";
import type { NodeCase } from "./onnx-nodes.ts";
import { readCases, REFUSED, runCase, subjectOf } from "./onnx-nodes.ts";

const isWriting = process.env["PATCHCLAMP_WRITE_ONNX"] === "1";
const listed = isWriting
  ? {}
  : (JSON.parse(readFileSync(REFUSED, "utf8")) as Record<string, string>);
const found: Record<string, string> = {};

const groups = new Map<string, NodeCase[]>();
for (const one of readCases().cases) {
  const subject = subjectOf(one, readModel("test", one.model).graph);
  groups.set(subject, [...(groups.get(subject) ?? []), one]);
}

test.each([...groups].map(([subject, cases]) => [subject, cases] as const))(
  "%s: cases give the right values, or are refused as listed",
  async (_, cases) => {
    const wrong: Record<string, string> = {};
    const refused: Record<string, string> = {};
    for (const one of cases) {
      const outcome = await runCase(one);
      if (outcome.wrong !== undefined) wrong[one.name] = outcome.wrong;
      if (outcome.refused !== undefined) refused[one.name] = outcome.refused;
    }
    expect(wrong).toEqual({});
    Object.assign(found, refused);
    if (isWriting) return;
    const names = cases.map(({ name }) => name).filter((name) => name in listed);
    expect(refused).toEqual(Object.fromEntries(names.map((name) => [name, listed[name]])));
  },
);

test("the list names no case that is not there", () => {
  const names = new Set([...groups.values()].flat().map(({ name }) => name));
  expect(Object.keys(listed).filter((name) => !names.has(name))).toEqual([]);
});

afterAll(() => {
  if (!isWriting) return;
  const sorted = Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(REFUSED, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
});
