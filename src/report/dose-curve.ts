// A dose curve as a figure of three panels over one axis of strengths - the effect, the oddness of neutral text, repetition - and as a
// table.

import type { TopLevelSpec } from "vega-lite";

import { describeCurve } from "../values/describe-curve.ts";
import type { DoseCurve, DosePoint } from "../values/dose-curve.ts";
import { describe, figureWidth, schema } from "./figure-parts.ts";
import type { Layer } from "./figure-parts.ts";
import { showText } from "./format.ts";
import type { DoseCurveSection, Heading, TableSection } from "./report.ts";
import { table } from "./sections.ts";

/**
 * A dose curve. Its note tells it in words, unless another one is given.
 *
 * @param parts - `curve` as it was measured, or read from a file
 */
export function doseCurveSection(parts: Heading & { curve: DoseCurve }): DoseCurveSection {
  const { title, note = sentence(describeCurve(parts.curve)), curve } = parts;
  return { kind: "doseCurve", ...(title === undefined ? {} : { title }), note, curve };
}

/** What colours stand for, in the order of a theme's series. */
const SIGNS = ["this intervention", "random directions", "usable", "falls apart"] as const;

/** Room for the labels of the axes, in pixels. */
const MARGIN = 84;

/** The three panels, with usable strengths and the collapse marked in all. */
export function doseCurveFigure(section: DoseCurveSection): TopLevelSpec {
  const { points, metric, baseline, bounds } = section.curve;
  const plain = points.find(({ strength }) => strength === 0);
  const limit = (key: keyof NonNullable<typeof bounds>): number | undefined => {
    const start = plain?.[key];
    if (start === undefined || bounds === undefined) return undefined;
    return key === "perplexity" ? start * bounds[key] : start + bounds[key];
  };
  const perplexity: PanelParts = {
    field: "perplexity",
    title: "perplexity of neutral text",
    height: 110,
    under: levelLayer(limit("perplexity")),
    ...perplexityAxis(points, limit("perplexity")),
  };
  const repetition: PanelParts = {
    field: "repetition",
    title: "repetition (share of pieces of text)",
    height: 80,
    under: levelLayer(limit("repetition")),
    scale: { domainMin: 0, nice: true },
  };
  const effect: PanelParts = {
    field: "effect",
    title: metric,
    height: 230,
    under: [...randomLayers(points), ...levelLayer(baseline)],
  };
  const isMeasured = ({ field }: PanelParts): boolean =>
    points.some((point) => point[field] !== undefined);
  const panels = [effect, ...[perplexity, repetition].filter(isMeasured)];
  return {
    $schema: schema,
    description: describe(section, `${metric}, perplexity and repetition by strength`),
    data: { values: points.map(drawnPoint) },
    spacing: 22,
    vconcat: panels.map((one, i) => panel(section.curve, one, i === panels.length - 1)),
  };
}

/** Every number of the curve, and what becomes of texts at each strength. */
export function doseCurveTable({ curve }: DoseCurveSection): TableSection {
  const has = (key: keyof DosePoint): boolean => curve.points.some((one) => one[key] !== undefined);
  const all = [
    { key: "randomEffect", column: { label: "random", unit: "mean" } },
    { key: "randomSpread", column: { label: "random", unit: "spread" } },
    { key: "perplexity", column: { label: "perplexity" } },
    { key: "repetition", column: { label: "repetition", decimals: 3 } },
  ] as const;
  const shown = all.filter(({ key }) => has(key));
  return table({
    columns: ["strength", "effect", ...shown.map(({ column }) => column), ""],
    rows: curve.points.map((point) => [
      point.strength,
      point.effect,
      ...shown.map(({ key }) => point[key]),
      verdict(curve, point.strength),
    ]),
  });
}

function verdict(curve: DoseCurve, strength: number): string {
  const { band, bandBelow, collapse = Infinity, collapseBelow = -Infinity } = curve;
  if (strength >= collapse || strength <= collapseBelow) return "falls apart";
  const isWithin = (range: readonly [number, number] | undefined): boolean =>
    range !== undefined && strength >= range[0] && strength <= range[1];
  return isWithin(band) || isWithin(bandBelow) ? "usable" : "";
}

interface PanelParts {
  readonly field: "effect" | "perplexity" | "repetition";
  readonly title: string;
  /** In pixels. */
  readonly height: number;
  /** What is drawn behind the curve. */
  readonly under: readonly Layer[];
  readonly scale?: object;
  /** Where the axis is marked. Default: where Vega would. */
  readonly ticks?: readonly number[];
}

type Panel = Extract<TopLevelSpec, { vconcat: unknown }>["vconcat"][number];

/** One panel; the axis of strengths is written under the last. */
function panel(curve: DoseCurve, parts: PanelParts, isLast: boolean): Panel {
  const { field, title, height, under, scale = { zero: false, nice: true } } = parts;
  const strengths = curve.points.map(({ strength }) => strength);
  const y = {
    field,
    type: "quantitative",
    title: showText(title),
    // above the panel, where a long name has room
    axis: { ...ABOVE, ...(parts.ticks === undefined ? { tickCount: 4 } : { values: parts.ticks }) },
    scale,
  };
  const x = {
    field: "strength",
    type: "quantitative",
    title: isLast ? "strength" : null,
    scale: { domain: [strengths[0]!, strengths.at(-1)!], nice: false, padding: 12 },
    axis: { grid: false, labels: isLast, values: strengths, labelOverlap: "greedy", format: ",~r" },
  };
  const color = inColour(SIGNS[0]);
  return {
    width: figureWidth - MARGIN,
    height,
    layer: [
      ...regions(curve),
      ...under,
      { mark: "line", encoding: { x, y, color } },
      { mark: { type: "point" }, encoding: { x, y, color, tooltip: tooltipOf(curve) } },
    ],
  } as Panel;
}

const ABOVE = { titleAngle: 0, titleAlign: "left", titleAnchor: "end", titleX: 0, titleY: -10 };

/** The colour of a sign, explained once above the first panel. */
function inColour(sign: (typeof SIGNS)[number]): object {
  return { datum: sign, ...COLOURS };
}

const COLOURS = {
  type: "nominal",
  title: null,
  scale: { domain: [...SIGNS] },
  legend: { orient: "top", symbolType: "square", symbolOpacity: 0.9, labelLimit: 0, offset: 24 },
};

function tooltipOf({ points }: DoseCurve): object[] {
  const titles: Partial<Record<keyof DosePoint, string>> = {
    strength: "strength",
    effect: "effect",
    randomEffect: "random directions",
    randomSpread: "their spread",
    perplexity: "perplexity",
    repetition: "repetition",
  };
  return Object.entries(titles)
    .filter(([field]) => points.some((point) => point[field as keyof DosePoint] !== undefined))
    .map(([field, title]) => ({ field, title, type: "quantitative", format: ".3~r" }));
}

/** Usable strengths and those at which texts fall apart, from top to bottom. */
function regions({ points, band, bandBelow, collapse, collapseBelow }: DoseCurve): Layer[] {
  const [least, most] = [points[0]!.strength, points.at(-1)!.strength];
  const spans = [
    ...[band, bandBelow].flatMap((range) => (range === undefined ? [] : [{ sign: 2, range }])),
    ...(collapse === undefined ? [] : [{ sign: 3, range: [collapse, most] }]),
    ...(collapseBelow === undefined ? [] : [{ sign: 3, range: [least, collapseBelow] }]),
  ].map(({ sign, range: [from, to] }) => ({ sign: SIGNS[sign], from, to }));
  const edges = [collapse, collapseBelow].flatMap((at) => (at === undefined ? [] : [{ at }]));
  const color = { field: "sign", ...COLOURS };
  return [
    {
      data: { values: spans },
      mark: { type: "rect", opacity: 0.15 },
      encoding: { x: { field: "from", type: "quantitative" }, x2: { field: "to" }, color },
    },
    {
      data: { values: edges },
      mark: { type: "rule", strokeDash: [4, 3], strokeWidth: 1.5 },
      encoding: { x: { field: "at", type: "quantitative" }, color: inColour(SIGNS[3]) },
    },
  ] as Layer[];
}

/** Larger perplexities are shown as this one: their digits would fill a tooltip. */
const BEYOND = 1e12;

/** A point with the band of random directions. */
function drawnPoint(point: DosePoint): object {
  const { randomEffect, randomSpread, perplexity } = point;
  const hasBand = randomEffect !== undefined && randomSpread !== undefined;
  return {
    ...point,
    ...(perplexity === undefined ? {} : { perplexity: Math.min(perplexity, BEYOND) }),
    ...(hasBand ? { low: randomEffect - randomSpread, high: randomEffect + randomSpread } : {}),
  };
}

/** What random directions do: their mean, and their spread around it. */
function randomLayers(points: readonly DosePoint[]): Layer[] {
  if (points.every(({ randomEffect }) => randomEffect === undefined)) return [];
  const color = inColour(SIGNS[1]);
  const x = { field: "strength", type: "quantitative" };
  return [
    {
      transform: [{ filter: "isValid(datum.low)" }],
      mark: "area",
      encoding: { x, y: { field: "low", type: "quantitative" }, y2: { field: "high" }, color },
    },
    {
      mark: { type: "line", strokeWidth: 1.75 },
      encoding: { x, y: { field: "randomEffect", type: "quantitative" }, color },
    },
  ] as Layer[];
}

/** A thin line at a level: the effect without the intervention, or a bound that collapse exceeds. */
function levelLayer(level: number | undefined): Layer[] {
  if (level === undefined) return [];
  return [
    {
      data: { values: [{ level }] },
      mark: { type: "rule", strokeDash: [2, 4], opacity: 0.55 },
      encoding: { y: { field: "level", type: "quantitative" } },
    },
  ] as Layer[];
}

/** Beyond this many times the bound, more perplexity says no more; the curve is cut there. */
const CUT = 50;

/** An axis by factors, marked at 1, 2, 5, 10, 20 ... */
function perplexityAxis(
  points: readonly DosePoint[],
  limit: number | undefined,
): Pick<PanelParts, "scale" | "ticks"> {
  const known = points.flatMap(({ perplexity }) => perplexity ?? []);
  const least = Math.max(1, Math.min(...known));
  const most = Math.min(Math.max(...known, limit ?? 1), CUT * (limit ?? least));
  if (known.length === 0) return {};
  const domain = [least / 1.15, Math.max(most, 1.5 * least) * 1.15];
  const powers = Array.from({ length: 20 }, (_, i) => 10 ** i);
  const round = powers.flatMap((power) => [power, 2 * power, 5 * power]);
  const ticks = round.filter((at) => at >= domain[0]! && at <= domain[1]!);
  const shown = ticks.length > 6 ? ticks.filter((at) => Number.isInteger(Math.log10(at))) : ticks;
  return { scale: { type: "log", domain, clamp: true, nice: false }, ticks: shown };
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
