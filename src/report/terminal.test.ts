import { stripVTControlCharacters } from "node:util";

import * as fc from "fast-check";
import { expect, test } from "vitest";

import { sampleReport } from "../../test/sample-report.ts";
import { widthOf } from "./layout.ts";
import { report } from "./report.ts";
import type { Section } from "./report.ts";
import { bars, heatmap, lines, table, text, textPairs, tokenGrid } from "./sections.ts";
import { printReport } from "./terminal.ts";

const sections = new Map(sampleReport().sections.map((section) => [section.kind, section]));

/** One section of the sample as 80 columns without colour, without the report's own title. */
function printed(kind: Section["kind"]): string {
  return `\n${printReport({ title: "", sections: [sections.get(kind)!] }).trim()}\n`;
}

test("paragraphs wrap at the width of the terminal", () => {
  expect(printed("text")).toMatchInlineSnapshot(`
    "
    In short
    ────────
    The network makes up its mind about the name in its third layer. One head
    carries it there: patching blocks.2.attn.z at head 1 restores the answer almost
    completely.

    A direction built from 32 pairs of happy and sad stories moves the ending either
    way, until the text breaks at strengths beyond six.
    "
  `);
});

test("a table lines up its columns, wide characters included", () => {
  expect(printed("table")).toMatchInlineSnapshot(`
    "
    Cost
    ────
    call                              time (ms)  memory (MiB)  in place
    ────────────────────────────────  ─────────  ────────────  ────────
    plain forward                          12.4            38  yes
    forward with every site captured       13.0            61  no
    forward, 部分的, one site               4.7             –  yes
    "
  `);
});

test("a token grid without colour shows each token with its value", () => {
  expect(printed("tokenGrid")).toMatchInlineSnapshot(`
    "
    Where each layer makes up its mind
    ──────────────────────────────────
           after the token
    layer  Mira       ␣gave     ␣the       ␣red      ␣cup      ␣to
    embed  ↵ .06      ␣the .15  ␣the .24   ␣red .33  ␣and .42  ␣the –
        0  ␣and .19   ␣a .28    ␣red .37   ␣cup .46  ␣was .55  ␣her .64
        1  ␣gave .58  ␣the .67  ␣red .76   ␣cup .85  ␣to .94   ␣Tomo .99
        2  ␣gave .99  ␣the .99  ␣blue .99  ␣cup .99  ␣to .99   ␣Tomo .99

    each cell: a token and its probability

    Each cell is the token that the layer would predict, and how sure it is of it.
    "
  `);
});

test("a heatmap without colour is a grid of numbers", () => {
  expect(printed("heatmap")).toMatchInlineSnapshot(`
    "
    Which layer and position carry the name
    ───────────────────────────────────────
           position
    layer   Mira  ␣gave   ␣the   ␣red   ␣cup    ␣to
        2    0.0    0.0    0.0    0.1    0.3    2.8
        1    0.6    0.1   -0.3    0.0    0.2    1.9
        0    2.6   -0.5      –    0.0   -0.1    0.1

    unit: nats

    Difference of logits between Tomo and Mira that each patch restores.
    "
  `);
});

test("curves are a plot with axes, a legend and gaps where numbers are missing", () => {
  expect(printed("lines")).toMatchInlineSnapshot(`
    "
    Happy endings by strength
    ─────────────────────────
    share   ● happy ending   ▲ fluent text
    1.0 ┤              ⢀⣀⣀⣀⡠⠤⠤⠤⠔⠒▲⠒⠒⠒⠒⠒⠊⠉⠉⠉⠉⠉▲⠉⠉⠉⠉⠉⠒⠒⠒⠒⠒▲         ⣀⣀●⠤⠤⠤⠤⠤⠤⠒⠒⠒⠒⠒●
        │       ⣀⡠⠤⠒⠊▲⠉⠁                                  ⣀⣀⠤⠤⠒⠒⠉⠉
    0.8 ┤ ⣀⡠⠤⠒⠊⠉                                      ⡠⠔●⠉
        │▲                                        ⢀⡠⠒⠉                          ▲
    0.6 ┤                                      ⢀⠤⠒⠁
        │                                   ⣀●⠊⠁
    0.4 ┤                               ⣀⠤⠒⠉
        │                           ⢀⡠⠔⠊
    0.2 ┤                       ⢀●⠔⠊⠁
        │               ⢀⣀⡠⠤⠔⠒⠊⠉⠁
    0.0 ┤●⠤⠤⠤⠤⠤⠔⠒⠒⠒⠒⠒●⠊⠉⠁
        └────────────────────────────────────────────────────────────────────────
         -6         -4          -2           0          2           4           6
                          strength (multiples of the direction)
    "
  `);
});

test("bars start at zero and end in their number and interval", () => {
  expect(printed("bars")).toMatchInlineSnapshot(`
    "
    Names recovered by method
    ─────────────────────────
                         share of prompts
    one head patched         ▐█████████████████████████████████ 0.91 [0.87, 0.94]
    random head patched      ▐▉                                 0.04 [0.02, 0.07]
    attribution only     ████▍                                  -0.12 [-0.16, -0.07]
    not measured                                                –
    "
  `);
});

test("text pairs stand side by side with marked words between signs", () => {
  expect(printed("textPairs")).toMatchInlineSnapshot(`
    "
    The same beginning at several strengths
    ───────────────────────────────────────
    strength  prompt                  continuation
    ────────  ──────────────────────  ──────────────────────────────────────────────
          -6  Mira found the red cup  and it was _broken_. She felt _sad_ and
                                      _cried_ all day.
           0  Mira found the red cup  near the river. She gave it to Tomo.
          +6  Mira found the red cup  and *laughed*. Everyone was *happy*, *glad*
                                      and↵*proud*.

    marked words: *happy*  _sad_
    "
  `);
});

test("claims say whether they hold, and by which numbers", () => {
  expect(printed("claims")).toMatchInlineSnapshot(`
    "
    Claims
    ──────
    ✓ holds  Patching one head restores the name in at least nine of ten prompts.
             one head 0.91 · random head 0.04
    ✗ fails  Steering at strength 6 leaves the text as fluent as before.
             fluent at 0 0.99 · fluent at 6 0.66 · margin 0.05
    "
  `);
});

test("the title stands over a rule with the subtitle", () => {
  expect(printReport({ title: "A title", subtitle: "and more", sections: [] }))
    .toMatchInlineSnapshot(`
    "A title
    and more
    ━━━━━━━━
    "
  `);
});

test("without colour there is no escape sequence, and what a text brought along is shown, not sent", () => {
  const given = report({
    title: "\u001b[2J",
    sections: [text({ paragraphs: ["\u0007\u001b]0;x"] })],
  });
  const output = printReport(given);
  expect(output).not.toMatch(/[^\P{Cc}\n]/u); // no control character but the newline
  expect(output).toContain("␛[2J");
});

test("a 24-bit terminal gets the palette's own colours, a 256-colour one codes chosen for it", () => {
  const grid = tokenGrid({ rows: ["0"], columns: ["x"], cells: [[{ text: "y", value: 1 }]] });
  const given = report({ title: "t", sections: [grid] });
  expect(printReport(given, { color: 3 })).toContain("\u001b[48;2;185;238;255m"); // #b9eeff
  expect(printReport(given, { color: 2 })).toContain("\u001b[48;5;195m");
  expect(printReport(given, { color: 3, background: "light" })).toContain("\u001b[48;2;29;55;123m");
});

test("colour changes no character of a table", () => {
  const given = report({ title: "t", sections: [sections.get("table")!] });
  expect(stripVTControlCharacters(printReport(given, { color: 3 }))).toBe(printReport(given));
});

const longWords = ["a", "token", "日本語", "the_very_long_identifier_of_a_function", "👩‍🔬"];

test("no line is wider than the terminal, whatever the report and the level of colour", () => {
  const word = fc.constantFrom(...longWords);
  const size = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 40 }));
  const width = fc.integer({ min: 40, max: 130 });
  const level = fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const);
  fc.assert(
    fc.property(
      size,
      fc.array(word, { minLength: 1 }),
      width,
      level,
      ([rows, columns], words, w, color) => {
        const name = (i: number): string => words[i % words.length]!;
        const labels = (n: number): string[] => Array.from({ length: n }, (_, i) => name(i));
        const shape = { rows: labels(rows), columns: labels(columns) };
        const number = (i: number, j: number): number => Math.sin(i + 2 * j) * 10 ** (i % 3);
        const given = report({
          title: words.join(" "),
          sections: [
            text({ title: words.join(" "), paragraphs: [words.join(" ")] }),
            table({
              columns: ["name", "text", ...labels(columns)],
              rows: shape.rows.map((label, i) => [
                label,
                words.join(" "),
                ...shape.columns.map((_, j) => number(i, j)),
              ]),
            }),
            tokenGrid({
              ...shape,
              cells: shape.rows.map((_, i) =>
                shape.columns.map((__, j) => ({ text: name(i + j), value: j / columns })),
              ),
            }),
            heatmap({
              ...shape,
              values: shape.rows.map((_, i) => shape.columns.map((__, j) => number(i, j))),
            }),
            lines({
              x: { label: "x" },
              y: { label: "y" },
              series: shape.rows.map((label, i) => ({
                label,
                x: shape.columns.map((_, j) => j),
                y: shape.columns.map((_, j) => number(i, j)),
              })),
            }),
            bars({
              value: { label: "v" },
              bars: shape.rows.map((label, i) => ({
                label,
                value: number(i, 1),
                low: -1,
                high: 1,
              })),
            }),
            textPairs({
              columns: { left: "left", right: "right" },
              pairs: shape.rows.map((label) => ({
                label,
                left: words.join(" "),
                right: words.join(" "),
              })),
              highlight: { long: ["token"] },
            }),
          ],
        });
        const lineWidths = printReport(given, { width: w, color }).split("\n").map(widthOf);
        expect(Math.max(...lineWidths)).toBeLessThanOrEqual(w);
      },
    ),
    { seed: 7, numRuns: 60 },
  );
});
