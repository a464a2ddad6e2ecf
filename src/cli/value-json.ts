// Values as JSON that people read: nested lists for numbers, one line for each list of them.

import { isNumbers } from "../values/numbers.ts";
import type { Numbers } from "../values/numbers.ts";

/** A value as JSON text. Reading it back gives the same float32 numbers. */
export function jsonText(value: unknown): string {
  return `${layOut(plain(value), "")}\n`;
}

/** A value without typed arrays. */
function plain(value: unknown): unknown {
  if (isNumbers(value)) return nested(value, 0, 0);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, own]) => own !== undefined);
  return Object.fromEntries(entries.map(([key, own]) => [key, plain(own)]));
}

/** Row-major numbers as lists within lists. */
function nested({ shape, data }: Numbers, axis: number, from: number): unknown {
  if (axis === shape.length) return data[from]!;
  const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  return Array.from({ length: shape[axis]! }, (_, i) =>
    nested({ shape, data }, axis + 1, from + i * stride),
  );
}

function layOut(value: unknown, indent: string): string {
  const inner = `${indent}  `;
  const isFlat = (part: unknown): boolean => typeof part !== "object" || part === null;
  if (isFlat(value)) return JSON.stringify(value);
  if (Array.isArray(value)) {
    if (value.every(isFlat)) return JSON.stringify(value);
    return `[\n${value.map((part) => inner + layOut(part, inner)).join(",\n")}\n${indent}]`;
  }
  const members = Object.entries(value as object).map(
    ([key, part]) => `${inner}${JSON.stringify(key)}: ${layOut(part, inner)}`,
  );
  return `{\n${members.join(",\n")}\n${indent}}`;
}
