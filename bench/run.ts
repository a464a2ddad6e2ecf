// `npm run bench -- SUITE [--only NAME]`: measures a suite, prints it, writes bench/results/SUITE.json.
// `--once TASK` does one task in this fresh process and prints a line of JSON (peak memory, first calls).

import { parseArgs } from "node:util";

import { measure } from "./harness.ts";
import type { Entry, Row } from "./harness.ts";
import { load, machine } from "./machine.ts";
import { printTable, writeResults } from "./results.ts";

/** A suite's entries, and what to do when the last one is measured. */
export interface Suite {
  readonly entries: readonly Entry[];
  readonly close?: () => void;
}

const SUITES: Readonly<Record<string, () => Promise<Suite>>> = {
  engine: async () => (await import("./suites/engine.ts")).engine(),
  train: async () => (await import("./suites/train.ts")).train(),
  size: async () => (await import("./suites/size.ts")).size(),
  families: async () => (await import("./suites/families.ts")).families(),
  load: async () => (await import("./suites/load.ts")).load(),
  ssm: async () => (await import("./suites/ssm.ts")).ssm(),
  moe: async () => (await import("./suites/moe.ts")).moe(),
  generate: async () => (await import("./suites/generate.ts")).generate(),
  onnx: async () => (await import("./suites/onnx.ts")).onnx(),
  browser: async () => (await import("./suites/browser.ts")).browser(),
  organisms: async () => (await import("./suites/organisms.ts")).organisms(),
  values: async () => (await import("./suites/values.ts")).values(),
};

process.exitCode = await main(process.argv.slice(2));
// Thread pools of the runtimes may outlive their sessions.
process.exit();

async function main(args: string[]): Promise<number> {
  const options = { only: { type: "string" }, once: { type: "string" } } as const;
  let parsed;
  try {
    parsed = parseArgs({ args, allowPositionals: true, options });
  } catch (error) {
    return refuse((error as Error).message);
  }
  const { only, once } = parsed.values;
  if (once === undefined) return runSuite(parsed.positionals[0], only);
  const { runOnce } = await import("./once.ts");
  process.stdout.write(`${JSON.stringify(await runOnce(once))}\n`);
  return 0;
}

async function runSuite(name: string | undefined, only: string | undefined): Promise<number> {
  const open = name === undefined ? undefined : SUITES[name];
  if (name === undefined || open === undefined) {
    const what = name === undefined ? "no suite was named" : `no suite is named "${name}"`;
    return refuse(`${what}; the suites are ${Object.keys(SUITES).join(", ")}.`);
  }
  const { entries, close } = await open();
  const chosen =
    only === undefined ? entries : entries.filter((entry) => entry.name.startsWith(only));
  if (chosen.length === 0) {
    close?.();
    const names = entries.map((entry) => entry.name).join(", ");
    return refuse(`suite "${name}" has no entry that begins with "${only}"; it has ${names}.`);
  }
  const rows: Row[] = [];
  for (const entry of chosen) {
    process.stderr.write(`  measuring ${entry.name} ...\n`);
    rows.push(await measure(entry, machine(), load));
  }
  close?.();
  printTable(name, rows);
  const file = writeResults(
    name,
    entries.map((entry) => entry.name),
    rows,
  );
  process.stdout.write(`  written to ${file}\n`);
  return 0;
}

function refuse(problem: string): number {
  process.stderr.write(`bench: ${problem}\n`);
  return 1;
}
