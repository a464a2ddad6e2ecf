import * as fc from "fast-check";
import { expect, test } from "vitest";

import { columnText, minus, numberFormat, showText, showToken } from "./format.ts";

test.each([
  [
    [1, 2, 30],
    ["1", "2", "30"],
  ],
  [
    [0.5, 0.25],
    ["0.50", "0.25"],
  ],
  [
    [0.912345, 0.04],
    ["0.912", "0.040"],
  ],
  [
    [1, 0.33333],
    ["1.000", "0.333"],
  ],
  [
    [12.41, 4.7],
    ["12.4", "4.7"],
  ],
  [
    [1234, 12_345],
    ["1234", "12,345"],
  ],
  [
    [-0.0001, 1.5],
    ["0.00", "1.50"],
  ],
  [
    [2e12, 0.5],
    ["2.00e+12", "5.00e-1"],
  ],
  [[3e-7], ["3.00e-7"]],
  [[0], ["0"]],
])("%j is written as %j", (values, texts) => {
  expect(values.map(numberFormat(values))).toEqual(texts);
});

test("a float32 has no more decimals than the number it was made from", () => {
  const value = Math.fround(0.1);
  expect(numberFormat([value])(value)).toBe("0.1");
});

test.each([Number.NaN, Infinity, -Infinity, null, undefined])("%s is written as –", (value) => {
  expect(numberFormat([1, value])(value)).toBe("–");
});

test("given decimals are kept", () => {
  expect(numberFormat([1, 2], { decimals: 3 })(2)).toBe("2.000");
});

test("a column shows text, yes and no, and numbers with the same decimals", () => {
  const column = { label: "x", align: "left" } as const;
  expect(columnText(column, ["a\nb", true, false, 1.5, 2, null])).toEqual([
    "a↵b",
    "yes",
    "no",
    "1.5",
    "2.0",
    "–",
  ]);
});

test.each([
  [" red", "␣red"],
  ["\n\n", "↵↵"],
  ["\t", "⇥"],
  ["", "∅"],
  ["\u001b[31m", "␛[31m"],
  ["\u200b", "⟨200b⟩"],
  ["\u202eabc", "⟨202e⟩abc"],
  ["\ud800", "⟨d800⟩"],
  ["👩‍🔬", "👩‍🔬"],
  ["日本", "日本"],
])("the token %j is shown as %s", (token, shown) => {
  expect(showToken(token)).toBe(shown);
});

test("shown text holds no control character whatever the text", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 0x2fff })), (codes) => {
      const text = String.fromCharCode(...codes);
      expect(showText(text)).not.toMatch(/[\p{Cc}\p{Cs}]/u);
    }),
    { seed: 2 },
  );
});

test("only a hyphen before a digit becomes a minus sign", () => {
  expect([minus("-1.5"), minus("-"), minus("a-1")]).toEqual(["−1.5", "-", "a-1"]);
});
