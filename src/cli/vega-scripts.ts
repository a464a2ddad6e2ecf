// The browser builds that draw the figures of a saved report, read from the installed packages.

import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { PatchClampError } from "../core/errors.ts";

/** Each package exports its module build, and its browser build lies beside that. */
const builds = [
  ["vega", "vega.min.js"],
  ["vega-lite", "vega-lite.min.js"],
  ["vega-embed", "vega-embed.min.js"],
] as const;

/**
 * Source of Vega, Vega-Lite and Vega-Embed for `reportPage(report, { scripts })`.
 *
 * @throws PatchClampError `BAD_FILE` when one of the packages is not installed
 */
export async function vegaScripts(): Promise<string[]> {
  return Promise.all(
    builds.map(async ([name, file]) => {
      try {
        const module = fileURLToPath(import.meta.resolve(name));
        return await readFile(join(dirname(module), file), "utf8");
      } catch (cause) {
        throw new PatchClampError("BAD_FILE", {
          where: "vegaScripts",
          problem: `cannot read ${file} of the package "${name}".`,
          fix: "run `npm ci`.",
          cause,
        });
      }
    }),
  );
}
