// config.json of every architecture with keys and values changed.

import * as fc from "fast-check";

import { architectures, familyOf } from "../../src/architectures/index.ts";
import type { AnyFamily, ParamEntry } from "../../src/architectures/family.ts";
import { checkLayout } from "../../src/checkpoints/load.ts";
import type { Files } from "../../src/core/files.ts";
import { readJson } from "../../src/core/files.ts";
import { mutatedJson } from "./json.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * A config that is given, or one that leaves all of an architecture's keys to their defaults, with a few things changed.
 *
 * @param given - of as many architectures as there are; the keys of all are put into each
 */
export function mutatedConfigs(given: readonly Json[]): fc.Arbitrary<string> {
  const keys = [...new Set(given.flatMap((config) => Object.keys(config)))];
  const bare = architectures.map((architecture) => ({ architectures: [architecture] }));
  const mutated = (configs: readonly Json[]): fc.Arbitrary<string> =>
    fc.oneof(...configs.map((config) => mutatedJson(config, keys)));
  return fc.oneof(
    { weight: 6, arbitrary: mutated(given) },
    { weight: 1, arbitrary: mutated(bare) },
  );
}

/** Reads the config of a folder as far as it goes without weights. */
export async function readFamily(files: Files): Promise<void> {
  const json = await readJson("loadNetwork", files, "config.json");
  const family: AnyFamily = await familyOf("loadNetwork", files.name, json);
  const layoutOf = family.layout as (own: unknown) => readonly ParamEntry[];
  const layout = layoutOf(family.config(json, "loadNetwork"));
  checkLayout("loadNetwork", files.name, layout);
  const names = new Set<string>();
  for (const { path, name, shape } of layout) {
    const size = shape.reduce((product, axis) => product * axis, 1);
    const isSane = shape.every((axis) => Number.isSafeInteger(axis) && axis > 0);
    if (!isSane || size > 2 ** 53) throw new Error(`${name} has the shape [${shape.join(", ")}]`);
    if (names.has(path)) throw new Error(`two parameters are called ${path}`);
    names.add(path);
  }
}
