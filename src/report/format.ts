// How numbers and tokens are written, the same in the terminal and on the page.

import type { Column, TableCell, Value } from "./report.ts";

/** Stands where a number is missing or not finite. */
export const missing = "–";

export interface NumberFormat {
  /** Digits after the point; by default what `digits` asks for. */
  decimals?: number | undefined;
  /** Significant digits of the largest value, default 3. */
  digits?: number;
}

/** A way to write these values so that they line up: one number of decimals for all, or powers of ten for extremes. */
export function numberFormat(
  values: readonly (Value | undefined)[],
  options: NumberFormat = {},
): (value: Value | undefined) => string {
  const { digits = 3 } = options;
  const finite = values.filter(isFiniteNumber);
  const largest = finite.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const isExtreme = largest >= 1e9 || (largest > 0 && largest < 1e-5);
  if (isExtreme && options.decimals === undefined) {
    return (value) => (isFiniteNumber(value) ? value.toExponential(digits - 1) : missing);
  }
  // A power of ten counts with the decade below it: shares up to 1.000 have as many decimals as shares up to 0.999.
  const exponent = largest === 0 ? 0 : Math.ceil(Math.log10(largest)) - 1;
  const decimals =
    options.decimals ?? fewestDecimals(finite, largest, Math.max(0, digits - 1 - exponent));
  const format = new Intl.NumberFormat("en", {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
    useGrouping: "min2", // 1234, but 12,345
    signDisplay: "negative", // no "-0.00"
  });
  return (value) => (isFiniteNumber(value) ? format.format(value) : missing);
}

/** No more decimals than the values have: 0.5 and 0.25 need two even where three are allowed. */
function fewestDecimals(values: readonly number[], largest: number, most: number): number {
  for (let decimals = 0; decimals < most; decimals++) {
    const unit = 10 ** decimals;
    const isExact = (value: number): boolean =>
      Math.abs(Math.round(value * unit) / unit - value) <= 1e-7 * largest; // float32 0.1 is 0.1
    if (values.every(isExact)) return decimals;
  }
  return most;
}

/** A hyphen before a digit as a minus sign: for pages and figures; terminals keep what can be pasted into code. */
export function minus(text: string): string {
  return text.replace(/^-(?=\d)/, "−");
}

/** The cells of one table column as text. */
export function columnText(column: Column, cells: readonly (TableCell | undefined)[]): string[] {
  const format = numberFormat(
    cells.map((cell) => (typeof cell === "number" ? cell : null)),
    { decimals: column.decimals },
  );
  return cells.map((cell) => {
    if (typeof cell === "string") return showText(cell);
    if (typeof cell === "boolean") return cell ? "yes" : "no";
    return format(cell);
  });
}

/** `label (unit)`, or the label alone. */
export function withUnit({ label, unit }: { label: string; unit?: string }): string {
  return unit === undefined ? showText(label) : showText(`${label} (${unit})`);
}

export function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

/** A token with its white space made visible: `" red\n"` becomes `␣red↵`; an empty token is `∅`. */
export function showToken(token: string): string {
  return token === "" ? "∅" : showText(token).replaceAll(" ", "␣");
}

const named: Readonly<Record<string, string>> = { "\n": "↵", "\t": "⇥", "\r": "␍", "\u007f": "␡" };

/**
 * Text with nothing in it that could move a cursor, colour a terminal or turn the reading direction: newlines and tabs
 * become ↵ and ⇥, other control characters their pictures, invisible characters their code point as ⟨200b⟩.
 */
export function showText(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu, (character) => {
    const code = character.codePointAt(0)!;
    if (code < 32) return named[character] ?? String.fromCodePoint(0x2400 + code);
    return named[character] ?? `⟨${code.toString(16)}⟩`;
  });
}
