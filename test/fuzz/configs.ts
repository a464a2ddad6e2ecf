// config.json of every architecture with keys and values changed.

import * as fc from "fast-check";

import { architectures, familyOf } from "../../src/architectures/index.ts";
import type { AnyFamily, ParamEntry } from "../../src/architectures/family.ts";
import { checkMemory } from "../../src/checkpoints/load.ts";
import type { Files } from "../../src/core/files.ts";
import { readJson } from "../../src/core/files.ts";
import { mutatedJson } from "./json.ts";

type Json = Readonly<Record<string, unknown>>;

/** The config of every folder that is given, mutated with the keys of all of them at hand. */
export function mutatedConfigs(configs: readonly Json[]): fc.Arbitrary<string> {
  const keys = [...new Set(configs.flatMap((config) => Object.keys(config)))];
  const all = configs.map((config) => mutatedJson(config, keys));
  const renamed = configs.map((config) =>
    fc
      .constantFrom(...architectures)
      .map((architecture) => JSON.stringify({ ...config, architectures: [architecture] })),
  );
  return fc.oneof(
    { weight: 20, arbitrary: fc.oneof(...all) },
    { weight: 1, arbitrary: fc.oneof(...renamed) },
  );
}

/** Reads the config of a folder as far as it goes without weights. */
export async function readFamily(files: Files): Promise<void> {
  const json = await readJson("loadNetwork", files, "config.json");
  const family: AnyFamily = await familyOf("loadNetwork", files.name, json);
  const layoutOf = family.layout as (own: unknown) => readonly ParamEntry[];
  const layout = layoutOf(family.config(json, "loadNetwork"));
  checkMemory("loadNetwork", files.name, layout);
  const names = new Set<string>();
  for (const { path, name, shape } of layout) {
    const size = shape.reduce((product, axis) => product * axis, 1);
    const isSane = shape.every((axis) => Number.isSafeInteger(axis) && axis > 0);
    if (!isSane || size > 2 ** 53) throw new Error(`${name} has the shape [${shape.join(", ")}]`);
    if (names.has(path)) throw new Error(`two parameters are called ${path}`);
    names.add(path);
  }
}
