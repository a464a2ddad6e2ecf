// `patchclamp sites`: what can be recorded and edited in a network, and what it is.

import type { LanguageNetwork } from "../network/language.ts";
import { selectSites } from "../network/sites.ts";
import type { SiteInfo } from "../network/sites.ts";
import { report, table } from "../report/index.ts";
import type { Report } from "../report/index.ts";
import { command } from "./command.ts";
import { openLanguage } from "./network.ts";
import { networkOperand, text } from "./options.ts";

/** Axes whose length depends on the prompt. */
const openAxes = new Set(["batch", "pos", "query", "key"]);

/** A site as `--json` shows it: `shape` holds a name where the length depends on the prompt. */
interface ListedSite {
  readonly name: string;
  readonly axes: readonly string[];
  readonly shape: readonly (string | number)[];
  readonly meaning: string;
}

/**
 * Lists the sites of a network.
 *
 * @param match - a name or pattern; all sites when it is left out
 * @throws PatchClampError `UNKNOWN_SITE` when the pattern matches none
 */
function listSites(net: LanguageNetwork, match?: string): ListedSite[] {
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

/** The sites as a table in which the blocks of a network share their lines. */
function sitesReport(net: LanguageNetwork, sites: readonly ListedSite[]): Report {
  const groups = new Map<string, { blocks: number[]; site: ListedSite }>();
  for (const site of sites) {
    const block = /^blocks\.(\d+)\./.exec(site.name)?.[1];
    const general = site.name.replace(/^blocks\.\d+\./, "blocks.{i}.");
    const group = groups.get(general) ?? { blocks: [], site };
    if (block !== undefined) group.blocks.push(Number(block));
    groups.set(general, group);
  }
  return report({
    title: `Sites of ${net.name}`,
    subtitle: `${sites.length} values that can be recorded, edited and differentiated`,
    sections: [
      table({
        columns: ["site", "shape", "meaning"],
        rows: [...groups].map(([general, { blocks, site }]) => [
          general.replace("{i}", blockPattern(blocks, net.config.nLayers)),
          `[${site.shape.join(", ")}]`,
          site.meaning,
        ]),
        note: `The blocks are 0..${net.config.nLayers - 1}. What stands here is also what --site takes: blocks.*.resid_post is that site in every block, blocks.0.attn.{q,k} are two sites of the first.`,
      }),
    ],
  });
}

/** The pattern for some of a network's blocks: `*` when it is all of them. */
function blockPattern(blocks: readonly number[], count: number): string {
  if (blocks.length === 1) return `${blocks[0]}`;
  return blocks.length === count ? "*" : `{${blocks.join(",")}}`;
}

export const sites = command({
  name: "sites",
  summary: "list the values of a network that can be recorded and edited",
  operands: [networkOperand],
  options: { match: text("glob", "only sites that match, such as blocks.*.attn.z") },
  formats: ["html", "json"],
  examples: ["sites", 'sites --match "blocks.0.attn.*"', "sites organism:stories --json"],
  run: async ({ host, operands, options }) => {
    const net = await openLanguage(host, operands["network"]!);
    const found = listSites(net, options.match);
    return { data: { network: net.name, sites: found }, report: sitesReport(net, found) };
  },
});
