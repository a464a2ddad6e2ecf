// HTML by template: whatever is put into `html` is escaped, unless it is itself markup made here.

import { showText } from "./format.ts";

/** HTML that is already safe. */
export interface Markup {
  readonly source: string;
}

/** What may stand in a template. */
export type Part = Markup | readonly Part[] | string | number | undefined;

/** Markup from a template; strings and numbers are escaped, arrays are joined, undefined leaves nothing. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Markup {
  return { source: String.raw({ raw: strings }, ...parts.map(render)) };
}

function render(part: Part): string {
  if (part === undefined) return "";
  if (typeof part === "string" || typeof part === "number") return escapeHtml(String(part));
  return "source" in part ? part.source : part.map(render).join("");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return showText(text).replaceAll(/[&<>"']/g, (character) => entities[character]!);
}

/** A script element; the source is changed only where it would end the element or open a comment. */
export function script(source: string): Markup {
  const safe = source.replaceAll(/<\/(?=script)/gi, "<\\/").replaceAll("<!--", "\\x3c!--");
  return { source: `<script>${safe}</script>` };
}

/** Data for scripts (and readers) of the page, found by its id. */
export function json(id: string, value: unknown): Markup {
  const text = JSON.stringify(value).replaceAll("<", "\\u003c");
  return { source: `<script type="application/json" id="${escapeHtml(id)}">${text}</script>` };
}

/** A style element. */
export function style(css: string): Markup {
  return { source: `<style>${css.replaceAll("<", "\\3c ")}</style>` };
}
