// The sites of an ONNX model: those with standard names first, then the others by their names in the file, and what was recognised.

import type { OnnxNetwork } from "../../network/onnx/onnx-network.ts";
import { table, text } from "../../report/index.ts";
import type { Section } from "../../report/index.ts";
import { openShapes } from "./open-shapes.ts";
import type { OpenSize } from "./open-shapes.ts";

/** A site as lists show it. */
export interface NamedSite {
  readonly name: string;
  readonly shape: readonly OpenSize[];
}

/** Names that were recognised, and not made of the names in the file. */
export function standardSites(net: OnnxNetwork): ReadonlySet<string> {
  return new Set([...net.recognised.sites.values()].flat());
}

/** The same sites with names in place of the sizes that depend on the input; those of standard sites stand already. */
export function withOpenShapes<T extends NamedSite>(net: OnnxNetwork, sites: readonly T[]): T[] {
  const standard = standardSites(net);
  const shapes = openShapes(net);
  return sites.map((site) => {
    const shape = standard.has(site.name) ? undefined : shapes?.get(site.name);
    return shape === undefined ? site : { ...site, shape };
  });
}

/** Values by their names in the file; those of layers that are alike share a line. */
export function fileSites(sites: readonly NamedSite[]): Section[] {
  if (sites.length === 0) return [];
  const lines = new Map<string, { pattern: string; shape: string; count: number; own: string }>();
  for (const { name, shape } of sites) {
    const pattern = name.replace(/([a-z]\.)\d+(?=[./])/, "$1*");
    const sizes = `[${shape.join(", ")}]`;
    const before = lines.get(`${pattern} ${sizes}`);
    const line = { pattern, shape: sizes, own: name, count: (before?.count ?? 0) + 1 };
    lines.set(`${pattern} ${sizes}`, line);
  }
  return [
    table({
      title: "By their names in the file",
      // in one column, as names are long and must be whole to be of use
      columns: ["value, shape"],
      rows: [...lines.values()].map(({ pattern, shape, count, own }) => [
        `${count === 1 ? own : pattern}  ${shape}`,
      ]),
    }),
  ];
}

/** What was recognised of the structure of a model, and what not. */
export function recognisedSection({ recognised: { report } }: OnnxNetwork): Section {
  return text({ title: "What was recognised", paragraphs: report });
}
