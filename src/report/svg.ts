// Figures as SVG files, drawn without a page.

import type { TopLevelSpec } from "vega-lite";

import { palettes } from "./palette.ts";
import type { Mode } from "./palette.ts";
import { theme } from "./theme.ts";

/**
 * Draws a figure.
 *
 * @param figure - with its sizes in pixels
 * @param mode - whose colours it has; its background is that of the page
 * @returns the text of an SVG file
 */
export async function figureSvg(figure: TopLevelSpec, mode: Mode = "light"): Promise<string> {
  // loaded here, because most reports are drawn by the page that shows them
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  const config = { ...theme(mode), background: palettes[mode].page, padding: 20, aria: false };
  const view = new vega.View(vega.parse(compile(figure, { config }).spec), { renderer: "none" });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}
