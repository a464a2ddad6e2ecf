// How an organism came to know what it knows: its loss on top, and below it a small panel for each of its skills.

import type { TopLevelSpec } from "vega-lite";

import type { History } from "../organisms/history.ts";
import { percent } from "../organisms/page.ts";
import { figureWidth, schema } from "./figure-parts.ts";
import type { Layer } from "./figure-parts.ts";
import { showText } from "./format.ts";
import { shorten } from "./layout.ts";

/** A skill as the card has it. */
export interface TrainedSkill {
  readonly name: string;
  /** Final held-out score, 0..1. */
  readonly score: number;
  /** What it had to reach, 0..1. */
  readonly bar: number;
}

/** The panels of one figure. */
type Panel = Extract<TopLevelSpec, { vconcat: unknown }>["vconcat"][number];

/** What colours stand for, in the order of a theme's series. */
const VERDICTS = ["reaches its bar", "misses its bar"] as const;

/** Panels stand in so many columns at most. */
const COLUMNS = 4;

/** Room for the labels of the axes, and between panels, in pixels. */
const [MARGIN, GUTTER] = [56, 36];

/** Room for a score, and for a letter of a name, in pixels. */
const [SCORE, LETTER] = [56, 6.2];

/** Curves with so many points or fewer show each of them. */
const FEW = 12;

/** Losses that fall by more than this factor are drawn by factors. */
const STEEP = 30;

/**
 * Draws a training run.
 *
 * @param history - losses and scores by step
 * @param skills - final scores, in the order of the panels
 */
export function trainingFigure(history: History, skills: readonly TrainedSkill[]): TopLevelSpec {
  const steps = Math.max(
    1,
    ...history.losses.map(({ step }) => step),
    ...history.scores.map(({ step }) => step),
  );
  const columns = Math.min(COLUMNS, Math.max(1, skills.length));
  const width = (figureWidth - MARGIN - GUTTER * (columns - 1)) / columns;
  return {
    $schema: schema,
    description: `Loss and held-out scores of ${skills.length} skills over ${steps} steps of training`,
    spacing: 28,
    vconcat: [
      lossPanel(history, steps),
      {
        title: heading(
          "Held-out score of each skill (dashed: the bar to reach; ✗: not reached)",
          32,
        ),
        columns,
        spacing: { row: 40, column: GUTTER },
        bounds: "flush",
        concat: skills.map((skill, i) =>
          skillPanel(history, skill, {
            steps,
            width,
            isFirst: i % columns === 0,
            isLast: i + columns >= skills.length,
          }),
        ),
      } as Panel,
    ],
  };
}

function lossPanel({ losses }: History, steps: number): Panel {
  const values = losses.map(({ loss }) => loss).filter((loss) => loss > 0);
  const isSteep = values.length > 0 && Math.max(...values) > STEEP * Math.min(...values);
  return {
    title: heading("Loss", 10),
    width: figureWidth - MARGIN,
    height: 190,
    data: { values: [...losses] },
    mark: { type: "line", point: losses.length <= FEW },
    encoding: {
      color: inColour(VERDICTS[0]),
      x: stepAxis(steps, true),
      y: {
        field: "loss",
        type: "quantitative",
        title: null,
        scale: isSteep ? { type: "log" } : { zero: false },
        axis: isSteep ? { tickCount: 5, format: "~g" } : { tickCount: 5 },
      },
    },
  } as Panel;
}

interface PanelPlace {
  readonly steps: number;
  /** In pixels. */
  readonly width: number;
  /** Whether it stands in the first column, where the axis of shares is written. */
  readonly isFirst: boolean;
  /** Whether nothing stands below it, where the axis of steps is written. */
  readonly isLast: boolean;
}

function skillPanel(
  { scores }: History,
  { name, score, bar }: TrainedSkill,
  { steps, width, isFirst, isLast }: PanelPlace,
): Panel {
  const measured = scores.flatMap((at) => {
    const value = at.scores[name];
    return value === undefined ? [] : [{ step: at.step, score: value }];
  });
  const isReached = score >= bar;
  const color = inColour(VERDICTS[isReached ? 0 : 1]);
  const share = { type: "quantitative", scale: { domain: [0, 1] } };
  const axis = {
    values: [0, 0.5, 1],
    labels: isFirst,
    labelExpr: "format(100 * datum.value, 'd') + ' %'",
  };
  return {
    width,
    height: 64,
    data: { values: measured },
    layer: [
      {
        data: { values: [{ bar }] },
        mark: { type: "rule", strokeDash: [3, 3], strokeWidth: 1, opacity: 0.6 },
        encoding: { y: { field: "bar", title: null, axis, ...share } },
      },
      {
        mark: { type: "line", point: measured.length <= FEW && { size: 22 } },
        encoding: {
          x: stepAxis(steps, isLast),
          y: { field: "score", title: null, axis, ...share },
          color,
        },
      },
      label({ text: shorten(showText(name), (width - SCORE) / LETTER), align: "left", x: 0 }),
      {
        ...label({
          text: isReached ? percent(score) : `✗ ${percent(score)}`,
          align: "right",
          x: width,
        }),
        encoding: { color },
      },
    ] as Layer[],
  };
}

function inColour(datum: (typeof VERDICTS)[number]): object {
  return { datum, type: "nominal", scale: { domain: [...VERDICTS] }, legend: null };
}

function stepAxis(steps: number, isWritten: boolean): object {
  return {
    field: "step",
    type: "quantitative",
    title: null,
    scale: { domain: [0, steps], nice: false },
    axis: {
      grid: false,
      labels: isWritten,
      tickCount: 4,
      labelExpr:
        "datum.value === 0 ? 'step 0' : format(datum.value, datum.value < 1e4 ? ',' : '~s')",
      labelFlush: true,
    },
  };
}

/** A line of text above a panel. */
function label({ text, ...place }: { text: string; align: string; x: number }): object {
  return {
    data: { values: [{}] },
    mark: { type: "text", text, y: -10, baseline: "alphabetic", fontSize: 11.5, ...place },
  };
}

function heading(text: string, offset: number): object {
  return { text, anchor: "start", frame: "group", fontSize: 14, fontWeight: 600, offset };
}
