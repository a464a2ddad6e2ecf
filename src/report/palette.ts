// Colours: one sequential and one diverging palette, series colours and marks, each for light and for dark surroundings.
// The stops were spaced evenly in lightness (OKLCH), and blue against red or orange stays apart for colour-blind readers.

export type Mode = "light" | "dark";

type Rgb = readonly [red: number, green: number, blue: number];

/** The same scales in codes of a 256-colour terminal, chosen by hand: rounding each stop would wander through greys and greens. */
interface Codes {
  sequential: readonly number[];
  diverging: readonly number[];
  marks: readonly number[];
}

/** Everything a view needs to know about colour. Stops run from the low end to the high end. */
export interface Palette {
  page: string;
  ink: string;
  /** Secondary text, at least 4.5:1 on the page. */
  muted: string;
  rule: string;
  sequential: readonly string[];
  diverging: readonly string[];
  /** Lines and bars, in order of use. */
  series: readonly string[];
  /** Backgrounds of marked words, in order of use. */
  marks: readonly string[];
  good: string;
  bad: string;
  ansi256: Codes;
}

export const palettes: Readonly<Record<Mode, Palette>> = {
  light: {
    page: "#fdfdfc",
    ink: "#1c2126",
    muted: "#59626b",
    rule: "#dfe3e6",
    sequential: "#ecf5fb #c3dff2 #9dc8ea #7bb0df #5d97d2 #457ec2 #3366ad #274e96 #1d377b".split(
      " ",
    ),
    diverging: "#0055a2 #437dbd #7ba5d5 #b4cdeb #f7f6f5 #e9bfb9 #d18d84 #b55d53 #952922".split(" "),
    series: "#2769b7 #c46016 #007c59 #a5397e #887000 #515e75".split(" "),
    marks: "#ffe2b0 #cfe3f8 #cdeedd #f3d9ea".split(" "),
    good: "#00704f",
    bad: "#b3302a",
    ansi256: {
      sequential: [195, 153, 117, 75, 68, 25, 18, 17],
      diverging: [25, 68, 110, 153, 255, 224, 181, 167, 124],
      marks: [223, 153, 158, 225],
    },
  },
  dark: {
    page: "#15181b",
    ink: "#e3e6e8",
    muted: "#9ba4ac",
    rule: "#2f353a",
    sequential: "#172642 #1e3b64 #235285 #296ba4 #3485bf #49a0d6 #67bbe9 #8dd5f8 #b9eeff".split(
      " ",
    ),
    diverging: "#74b5fe #5c8fc7 #476a92 #33475e #2a2726 #5c3c38 #8e564f #c17369 #f69184".split(" "),
    series: "#73b0ee #efa464 #66c7a0 #e08bbc #e3ca69 #9aa5b8".split(" "),
    marks: "#6b4a12 #1f4d7a #1d5a40 #6b2c56".split(" "),
    good: "#66c7a0",
    bad: "#f69184",
    ansi256: {
      sequential: [17, 18, 24, 25, 32, 74, 117, 153, 195],
      diverging: [75, 68, 60, 235, 95, 167, 210],
      marks: [58, 24, 22, 53],
    },
  },
};

/** How many classes of words can be told apart by their mark. */
export const markCount = palettes.light.marks.length;

/** A background and the text colour that reads best on it. */
export interface Shade {
  background: string;
  foreground: string;
}

/** The colour at `t` in 0..1 along a palette, and black or white text for it: one of the two is always at least 4.5:1. */
export function shade(stops: readonly string[], t: number): Shade {
  const background = colourAt(stops, t);
  return { background, foreground: readableOn(background) };
}

/** Black or white, whichever contrasts more with the background. */
export function readableOn(background: string): string {
  return contrast("#000000", background) >= contrast("#ffffff", background) ? "#000000" : "#ffffff";
}

/**
 * Contrast ratio of two colours, 1 (the same) to 21 (black on white).
 *
 * @source W3C, "Web Content Accessibility Guidelines 2.1", "contrast ratio"
 */
export function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
  return (high! + 0.05) / (low! + 0.05);
}

/** Relative luminance, 0 (black) to 1 (white). */
function luminance(colour: string): number {
  const [red, green, blue] = rgb(colour).map((byte) => {
    const c = byte / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

/** Linear between neighbouring stops, as Vega interpolates a range of colours. */
function colourAt(stops: readonly string[], t: number): string {
  const at = Math.min(1, Math.max(0, t)) * (stops.length - 1);
  const i = Math.min(Math.floor(at), stops.length - 2);
  const [a, b] = [rgb(stops[i]!), rgb(stops[i + 1]!)];
  return hex(a.map((byte, channel) => Math.round(byte + (b[channel]! - byte) * (at - i))));
}

/** The colour behind a code of a 256-colour terminal: 16..231 are a 6 x 6 x 6 cube, 232..255 greys. */
export function ansi256Colour(code: number): string {
  if (code >= 232) return hex(Array.from({ length: 3 }, () => 8 + 10 * (code - 232)));
  const levels = [0, 95, 135, 175, 215, 255];
  const index = code - 16;
  return hex([Math.floor(index / 36), Math.floor(index / 6) % 6, index % 6].map((i) => levels[i]!));
}

function rgb(colour: string): Rgb {
  const value = Number.parseInt(colour.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

function hex(channels: readonly number[]): string {
  return `#${channels.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
