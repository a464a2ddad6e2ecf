// Writes src/architectures/families.gen.ts: which file computes an architecture. A family is found by its text, so that a
// new one is one new file: `export const xFamily: ... = { architectures: ["XForCausalLM", ...], ... }`.

import fs from "node:fs";
import path from "node:path";

import { root } from "./process.mjs";

const folder = path.join(root, "src", "architectures");
const FAMILY = /^export const (\w+Family)\b[^=]*= \{\s*architectures: \[([^\]]*)\]/gm;

/** @type {[architecture: string, file: string, family: string][]} */
const found = [];
for (const file of fs.readdirSync(folder).toSorted()) {
  if (!/^[\w-]+\.ts$/.test(file)) continue;
  const text = fs.readFileSync(path.join(folder, file), "utf8");
  for (const [, family = "", names = ""] of text.matchAll(FAMILY)) {
    for (const [, name = ""] of names.matchAll(/"(\w+)"/g)) found.push([name, file, family]);
  }
}
found.sort(([a], [b]) => (a < b ? -1 : 1));

const lines = found.map(
  ([name, file, family]) =>
    `  ${name}: () => import("./${file}").then((m) => m.${family} as unknown as AnyFamily),`,
);
fs.writeFileSync(
  path.join(folder, "families.gen.ts"),
  `// Made by scripts/generate-families.mjs from the files of this folder; do not edit.

import type { AnyFamily } from "./family.ts";

/** Loads the family of an architecture. */
// oxfmt-ignore
export const familyLoaders = {
${lines.join("\n")}
} satisfies Record<string, () => Promise<AnyFamily>>;
`,
);
