// A test that prints fails: output nobody asked for is noise to a user, and a warning that nobody reads to us.

import { afterEach, beforeEach } from "vitest";

const METHODS = ["debug", "error", "info", "log", "trace", "warn"] as const;
const printed: string[] = [];

for (const method of METHODS) {
  console[method] = (...values: unknown[]) => {
    printed.push(`console.${method}: ${values.map(String).join(" ")}`);
  };
}

function failIfPrinted(): void {
  const lines = printed.splice(0);
  if (lines.length > 0) throw new Error(`The test printed:\n${lines.join("\n")}`);
}

beforeEach(failIfPrinted); // what was printed while the file loaded
afterEach(failIfPrinted);
