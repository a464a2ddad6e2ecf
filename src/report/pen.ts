// Colour in a terminal, at the four levels that terminals have.

import { Chalk } from "chalk";
import type { ChalkInstance } from "chalk";

import { ansi256Colour, palettes, readableOn, shade } from "./palette.ts";
import type { Mode } from "./palette.ts";

/** 0: none, 1: 16 colours, 2: 256, 3: 24 bits; as chalk counts them. */
export type ColorLevel = 0 | 1 | 2 | 3;

export interface Pen {
  readonly level: ColorLevel;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  /** In the colour of the series with this index. */
  readonly series: (index: number, text: string) => string;
  /** A word of the class with this index: a coloured background, or signs around it without colour. */
  readonly mark: (index: number, text: string) => string;
  /** On the colour at `t` in 0..1 of a scale, in black or white. */
  readonly cell: (scale: "sequential" | "diverging", t: number, text: string) => string;
}

/** Signs around marked words where there is no colour. */
const signs = ["*", "_", "~", "^"];

/** How a terminal of this level writes on a light or a dark background. */
export function pen(level: ColorLevel, mode: Mode): Pen {
  const ink = new Chalk({ level });
  const colours = palettes[mode];
  const sixteen = [ink.blue, ink.yellow, ink.green, ink.magenta, ink.cyan, ink.gray];
  const sixteenMarks = [
    ink.bgYellow.black,
    ink.bgBlue.whiteBright,
    ink.bgGreen.black,
    ink.bgMagenta.whiteBright,
  ];
  return {
    level,
    bold: (text) => ink.bold(text),
    dim: (text) => (level >= 2 ? ink.hex(colours.muted) : ink.dim)(text),
    good: (text) => (level >= 2 ? ink.hex(colours.good) : ink.green)(text),
    bad: (text) => (level >= 2 ? ink.hex(colours.bad) : ink.red)(text),
    series: (index, text) => {
      if (level <= 1) return sixteen[index % sixteen.length]!(text);
      return ink.hex(colours.series[index % colours.series.length]!)(text);
    },
    mark: (index, text) => {
      if (level === 0) return signs[index]! + text + signs[index]!;
      if (level === 1) return sixteenMarks[index]!(text);
      return level === 2
        ? onCode(ink, colours.ansi256.marks[index]!)(text)
        : onColour(ink, colours.marks[index]!)(text);
    },
    cell: (scale, t, text) => {
      if (level === 0) return text;
      if (level === 1) return sixteenColours(ink, scale, t)(text);
      if (level === 3) return onColour(ink, shade(colours[scale], t).background)(text);
      const codes = colours.ansi256[scale];
      const nearest = Math.round(Math.min(1, Math.max(0, t)) * (codes.length - 1));
      return onCode(ink, codes[nearest]!)(text);
    },
  };
}

function onColour(ink: ChalkInstance, background: string): ChalkInstance {
  return ink.bgHex(background).hex(readableOn(background));
}

function onCode(ink: ChalkInstance, code: number): ChalkInstance {
  const isDark = readableOn(ansi256Colour(code)) === "#ffffff";
  return ink.bgAnsi256(code).ansi256(isDark ? 231 : 16);
}

/** Sixteen colours are the terminal's own, so only pairs that every common theme keeps apart are used. */
function sixteenColours(
  ink: ChalkInstance,
  scale: "sequential" | "diverging",
  t: number,
): ChalkInstance {
  if (scale === "sequential") {
    return t < 0.25 ? ink : t < 0.6 ? ink.bgBlue.whiteBright : ink.bgCyan.black;
  }
  if (t < 0.2) return ink.bgBlue.whiteBright;
  if (t > 0.8) return ink.bgRed.whiteBright;
  return t < 0.4 ? ink.blue : t > 0.6 ? ink.red : ink;
}
