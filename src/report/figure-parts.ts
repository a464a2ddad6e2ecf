// What the figures share.

import type { TopLevelSpec } from "vega-lite";

import { showText } from "./format.ts";
import type { Section, Value } from "./report.ts";

/** One layer of a layered figure. */
export type Layer = Extract<TopLevelSpec, { layer: unknown }>["layer"][number];

export const schema = "https://vega.github.io/schema/vega-lite/v6.json";

/** How wide a figure may be, in pixels: the page's 960 without its margins. */
export const figureWidth = 904;

/** What a screen reader says of the figure. */
export function describe(section: Section, what: string): string {
  return section.title === undefined ? what : showText(`${section.title}: ${what}`);
}

/** Axis labels with 1.2M for large numbers and 1e-6 for small ones; between them Vega chooses. */
export function axisFormat(values: readonly number[]): { format?: string } {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest >= 1e5) return { format: "~s" };
  return largest > 0 && largest < 1e-3 ? { format: "~e" } : {};
}

/** A range for an axis on which nothing stands. */
export function domainWithout(values: readonly number[]): { domain?: number[] } {
  return values.length === 0 ? { domain: [0, 1] } : {};
}

/** Whether an interval has both its ends. */
export function hasBothEnds({ low, high }: { low: Value; high: Value }): boolean {
  return low !== null && high !== null;
}

/** The same as a filter of Vega-Lite. */
export const withBothEnds = [{ filter: "isValid(datum.low) && isValid(datum.high)" }];
