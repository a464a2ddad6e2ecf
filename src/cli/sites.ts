// `patchclamp sites`: what can be recorded and edited in a network, and what it is.

import type { Network } from "../network/network.ts";
import { selectSites } from "../network/sites.ts";
import type { SiteInfo } from "../network/sites.ts";
import { report, table } from "../report/index.ts";
import type { Report, Section } from "../report/index.ts";
import type { AnyNetwork } from "../organisms/load-network.ts";
import { command } from "./command.ts";
import { openAny } from "./network.ts";
import {
  fileSites,
  recognisedSection,
  standardSites,
  withOpenShapes,
} from "./onnx/sites-report.ts";
import { networkOperand, text } from "./options.ts";

/** Axes whose length depends on the prompt. */
const openAxes = new Set(["batch", "pos", "query", "key", "source", "time"]);

/** A site as `--json` shows it: `shape` holds a name where the length depends on the prompt. */
interface ListedSite {
  readonly name: string;
  readonly axes: readonly string[];
  readonly shape: readonly (string | number)[];
  readonly meaning: string;
}

/** What a list of sites takes of a network. */
type AnySites = Pick<Network<never>, "name" | "space" | "sites">;

/**
 * Lists the sites of a network.
 *
 * @param match - a name or pattern; all sites when it is left out
 * @throws PatchClampError `UNKNOWN_SITE` when the pattern matches none
 */
function listSites(net: AnySites, match?: string): ListedSite[] {
  const wanted = new Set(
    match === undefined ? net.space.sites : selectSites("sites", net.space, match),
  );
  return net
    .sites()
    .filter(({ name }) => wanted.has(name))
    .map((site) => ({
      name: site.name,
      axes: site.axes,
      shape: openShape(site),
      meaning: site.meaning,
    }));
}

function openShape({ axes, shape }: SiteInfo): (string | number)[] {
  return shape.map((size, i) => (openAxes.has(axes[i]!) ? axes[i]! : size));
}

/** The number in `blocks.3.` and its like, and the name around it. */
function parted(site: string): { number?: string; general: string } {
  const [, before, number, after] = /^(.*?\b[a-z]+\.)(\d+)(\..*)$/.exec(site) ?? [];
  return number === undefined ? { general: site } : { number, general: `${before}{i}${after}` };
}

/**
 * The sites as a table in which the blocks of a network share their lines.
 *
 * @param all - names of all sites of the kind, of which `sites` may be some
 */
function sitesTable(all: readonly string[], sites: readonly ListedSite[]): Section {
  const numbers = new Map<string, Set<string>>();
  for (const name of all) {
    const { number, general } = parted(name);
    const prefix = general.split("{i}")[0]!;
    if (number !== undefined) numbers.set(prefix, (numbers.get(prefix) ?? new Set()).add(number));
  }
  const groups = new Map<string, { own: string[]; site: ListedSite }>();
  for (const site of sites) {
    const { number, general } = parted(site.name);
    const group = groups.get(general) ?? { own: [], site };
    if (number !== undefined) group.own.push(number);
    groups.set(general, group);
  }
  const counts = [...numbers].map(([prefix, own]) => `${prefix}0..${own.size - 1}`);
  const example = all.find((name) => parted(name).number !== undefined);
  const pattern =
    example === undefined
      ? ""
      : ` What stands here is also what --site takes: ${parted(example).general.replace("{i}", "*")} is that site in every one of them.`;
  return table({
    columns: ["site", "shape", "meaning"],
    rows: [...groups].map(([general, { own, site }]) => [
      general.replace("{i}", numberPattern(own, numbers.get(general.split("{i}")[0]!)?.size)),
      `[${site.shape.join(", ")}]`,
      site.meaning,
    ]),
    ...(counts.length === 0 ? {} : { note: `There are ${counts.join(", ")}.${pattern}` }),
  });
}

/** All that there is, and of an ONNX model what was recognised in it. */
function sitesReport({ kind, network }: AnyNetwork, sites: readonly ListedSite[]): Report {
  const title = `Sites of ${network.name}`;
  const subtitle = `${sites.length} values that can be recorded, edited and differentiated`;
  const all = network.sites().map(({ name }) => name);
  if (kind !== "onnx") return report({ title, subtitle, sections: [sitesTable(all, sites)] });
  const standard = standardSites(network);
  const [named, others] = [true, false].map((is) =>
    sites.filter(({ name }) => standard.has(name) === is),
  ) as [ListedSite[], ListedSite[]];
  const sections = [
    ...(named.length === 0
      ? []
      : [
          sitesTable(
            all.filter((name) => standard.has(name)),
            named,
          ),
        ]),
    ...fileSites(others),
    recognisedSection(network),
  ];
  return report({ title, subtitle, sections });
}

/** The pattern for some of a network's blocks: `*` when it is all of them. */
function numberPattern(own: readonly string[], count: number | undefined): string {
  if (own.length === 1) return own[0]!;
  return own.length === count ? "*" : `{${own.join(",")}}`;
}

export const sites = command({
  name: "sites",
  summary: "list the values of a network that can be recorded and edited",
  operands: [networkOperand],
  options: { match: text("glob", "only sites that match, such as blocks.*.attn.z") },
  formats: ["html", "json"],
  examples: ["sites", 'sites --match "blocks.0.attn.*"', "sites organism:stories --json"],
  run: async ({ host, operands, options }) => {
    const any = await openAny(host, operands["network"]!);
    const { kind, network } = any;
    const listed = listSites(network, options.match);
    const found = kind === "onnx" ? withOpenShapes(network, listed) : listed;
    return {
      data: {
        network: network.name,
        kind,
        sites: found,
        ...(kind === "onnx" ? { recognised: network.recognised.report } : {}),
      },
      report: sitesReport(any, found),
    };
  },
});
