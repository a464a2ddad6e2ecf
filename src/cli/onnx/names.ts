// Values of an ONNX file as people name them: by their names there, or by standard names that were recognised.

import { FileValues } from "../../checkpoints/file-values.ts";
import { selectSites } from "../../network/sites.ts";
import type { Surgery } from "../../onnx/surgery/index.ts";
import { report, table } from "../../report/index.ts";
import type { Report } from "../../report/index.ts";
import type { ModelFile, Written } from "./model.ts";
import { networkOf } from "./model.ts";

/** A value of the file, and what the user called it. */
export interface NamedValue {
  readonly asked: string;
  readonly value: string;
}

/**
 * Finds values of a model by their names in the file, or by names and patterns of sites.
 *
 * @throws PatchClampError `UNKNOWN_SITE` when one is neither, `UNSUPPORTED` when a site is computed within a node
 */
export async function valuesCalled(
  where: string,
  source: ModelFile,
  model: Surgery,
  names: readonly string[],
): Promise<NamedValue[]> {
  const own = new Set(model.values().map(({ name }) => name));
  if (names.every((name) => own.has(name)))
    return names.map((name) => ({ asked: name, value: name }));
  const network = await networkOf(source);
  const values = new FileValues(model, network);
  return names.flatMap((name) =>
    own.has(name)
      ? [{ asked: name, value: name }]
      : selectSites(where, network.space, name).map((site) => ({
          asked: site,
          value: values.of(where, site),
        })),
  );
}

/**
 * What was done to a model.
 *
 * @param rows - names that the user gave, and what they are in the file
 */
export function writtenReport(
  title: string,
  { file, beside, reads }: Written,
  rows: readonly (readonly [string, string])[] = [],
): Report {
  const files = [
    ["model", file],
    ...beside.map((path) => ["its numbers", path]),
    ...reads.map((path) => ["reads, as before", path]),
  ];
  return report({
    title,
    sections: [
      table({ columns: ["", "file"], rows: files }),
      // in one column, as names are long and must be whole to be of use
      ...(rows.length === 0
        ? []
        : [table({ columns: ["in the file"], rows: rows.map(([a, b]) => [`${a}: ${b}`]) })]),
    ],
  });
}
