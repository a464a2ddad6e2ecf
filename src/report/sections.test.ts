import { expect, test } from "vitest";

import { sampleReport } from "../../test/sample-report.ts";
import { toJson } from "./report.ts";
import { bars, claims, heatmap, lines, table, textPairs, tokenGrid } from "./sections.ts";

test("a report equals its own JSON, missing numbers included", () => {
  const report = sampleReport();
  expect(JSON.parse(toJson(report))).toEqual(report);
});

test("the order in which fields were written does not change the JSON", () => {
  const a = { title: "t", subtitle: "s", sections: [] };
  const b = { sections: [], subtitle: "s", title: "t" };
  expect(toJson(a)).toBe(toJson(b));
});

test("NaN and infinities become null in every section that holds numbers", () => {
  const gap = Number.NaN;
  expect([
    table({ columns: ["a"], rows: [[gap]] }).rows,
    tokenGrid({ rows: ["0"], columns: ["x"], cells: [[{ text: "y", value: gap }]] }).cells,
    heatmap({ rows: ["0"], columns: ["x"], values: [[Infinity]] }).values,
    lines({
      x: { label: "x" },
      y: { label: "y" },
      series: [{ label: "s", x: [1], y: [-Infinity] }],
    }).series[0]!.y,
    bars({ value: { label: "v" }, bars: [{ label: "b", value: gap }] }).bars[0]!.value,
    claims({ claims: [{ sentence: "s", holds: true, numbers: { n: gap } }] }).claims[0]!.numbers,
  ]).toEqual([[[null]], [[{ text: "y", value: null }]], [[null]], [null], null, { n: null }]);
});

test("columns of numbers stand right and all others left", () => {
  const { columns } = table({
    columns: ["name", "n", { label: "m", unit: "ms", align: "left" }],
    rows: [["a", 1, 2]],
  });
  expect(columns).toEqual([
    { label: "name", align: "left" },
    { label: "n", align: "right" },
    { label: "m", unit: "ms", align: "left" },
  ]);
});

const square = { rows: ["0", "1"], columns: ["a", "b"] };

test("a heatmap with negative values diverges around zero, symmetrically", () => {
  const { scale, domain } = heatmap({ ...square, values: [new Float32Array([1, -3]), [0, 2]] });
  expect({ scale, domain }).toEqual({ scale: "diverging", domain: [-3, 3] });
});

test("a heatmap without negative values runs from zero to the largest", () => {
  const { scale, domain } = heatmap({ ...square, values: [[0.2, 0.5], [0.1, 4]] }); // prettier-ignore
  expect({ scale, domain }).toEqual({ scale: "sequential", domain: [0, 4] });
});

test("a share that float32 carried past 1 is 1", () => {
  const { cells } = tokenGrid({
    rows: ["0"],
    columns: ["x"],
    cells: [[{ text: "y", value: Math.fround(1.0000001) }]],
  });
  expect(cells[0]![0]!.value).toBe(1);
});

test("what does not fit together is refused with the numbers", () => {
  expect(() =>
    table({ columns: ["a", "b"], rows: [[1, 2], [3]] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: table: row 1 has 1 cell, but there are 2 columns.]`,
  );
  expect(() => heatmap({ ...square, values: [[1, 2]] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: heatmap: the cells have 1 row, but there are 2 row labels.]`,
  );
  expect(() =>
    heatmap({
      ...square,
      values: [
        [1, 2],
        [3, 4, 5],
      ],
    }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: heatmap: row 1 has 3 cells, but there are 2 column labels.]`,
  );
  expect(() =>
    tokenGrid({ rows: ["0"], columns: [], cells: [[{ text: "y", value: 1 }]] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: tokenGrid: row 0 has 1 cell, but there are 0 column labels.]`,
  );
  expect(() => tokenGrid({ rows: ["0"], columns: ["x"], cells: [[{ text: "y", value: 1.2 }]] }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: tokenGrid: cell [0, 0] has value 1.2, outside 0..1.
      fix: divide by the largest value, or draw a heatmap.]
  `);
  expect(() =>
    heatmap({
      ...square,
      values: [
        [1, 2],
        [3, 4],
      ],
      scale: "diverging",
      domain: [0, 4],
    }),
  ).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: heatmap: domain is [0, 4], which does not suit a diverging scale.
      fix: give a range with zero inside.]
  `);
  expect(() =>
    heatmap({
      ...square,
      values: [
        [1, 2],
        [3, 4],
      ],
      domain: [4, Number.NaN],
    }),
  ).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: heatmap: domain is [4, NaN], which does not suit a sequential scale.
      fix: give the lower end first.]
  `);
});

test("curves whose arrays do not fit, or with half a band, are refused by name", () => {
  const axes = { x: { label: "x" }, y: { label: "y" } };
  expect(() =>
    lines({ ...axes, series: [{ label: "loss", x: [1, 2], y: [1] }] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: lines: "loss" has 1 y value, but there are 2 x values.]`,
  );
  expect(() => lines({ ...axes, series: [{ label: "loss", x: [1], y: [1], low: [0] }] }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: lines: the band of "loss" has one edge only.
      fix: give both \`low\` and \`high\`.]
  `);
});

test("more classes of words than marks are refused", () => {
  const highlight = { a: [], b: [], c: [], d: [], e: [] };
  expect(() =>
    textPairs({ columns: { left: "l", right: "r" }, pairs: [], highlight }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: textPairs: 5 classes of words are to be marked, but there are 4 marks.]`,
  );
});
