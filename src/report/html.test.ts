import { expect, test } from "vitest";

import { sampleReport } from "../../test/sample-report.ts";
import { vegaScripts } from "../cli/vega-scripts.ts";
import { figure, isFigure } from "./figure.ts";
import { reportPage } from "./html.ts";
import { report } from "./report.ts";
import { bars, heatmap, table, text, textPairs, tokenGrid } from "./sections.ts";

const hostile = `</script><script>alert(1)</script><img src=x onerror="alert(2)">'&`;

test("text from anywhere cannot become markup", () => {
  const page = reportPage(
    report({
      title: hostile,
      subtitle: hostile,
      sections: [
        text({ title: hostile, note: hostile, paragraphs: [hostile] }),
        table({ columns: [{ label: hostile, unit: hostile }], rows: [[hostile]] }),
        tokenGrid({
          rows: [hostile],
          columns: [hostile],
          unit: hostile,
          cells: [[{ text: hostile, value: 1 }]],
        }),
        textPairs({
          columns: { left: hostile, right: hostile },
          pairs: [{ label: hostile, left: hostile, right: hostile }],
          highlight: { [hostile]: ["alert"] },
        }),
        heatmap({ title: hostile, rows: [hostile], columns: [hostile], values: [[1]] }),
        bars({ value: { label: hostile }, bars: [{ label: hostile, value: 1 }] }),
      ],
    }),
    { scripts: ["/* drawing */"] },
  );
  expect(page).not.toContain("<img");
  expect(page).not.toContain("<script>alert");
  expect(page.match(/<script>/g)).toHaveLength(2); // the given one and the one that draws
});

test("a script's source cannot end its element", () => {
  const scripts = ['const a = "</script>", b = "</SCRIPT>", c = "<!--";'];
  const page = reportPage(sampleReport(), { scripts });
  expect(page).toContain(String.raw`const a = "<\/script>", b = "<\/SCRIPT>", c = "\x3c!--";`);
});

test("the page loads nothing, and its policy forbids it and eval", async () => {
  const page = reportPage(sampleReport(), { scripts: await vegaScripts() });
  const markup = page.replaceAll(/<script[^>]*>[\s\S]*?<\/script>/g, "");
  expect(markup).not.toMatch(/\b(src|href|srcset|action|poster)\s*=|url\(|@import|https?:/i);
  expect(page.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/)![1]).toBe(
    "default-src &#39;none&#39;; script-src &#39;unsafe-inline&#39;; style-src &#39;unsafe-inline&#39;; img-src data:; base-uri &#39;none&#39;; form-action &#39;none&#39;",
  );
});

test("each figure's specification stands in the page as JSON", () => {
  const page = reportPage(sampleReport(), { scripts: ["/* drawing */"] });
  const blocks = [
    ...page.matchAll(/<script type="application\/json" id="figure-\d+">(.*?)<\/script>/g),
  ];
  const specs = blocks.map((block) => JSON.parse(block[1]!) as unknown);
  expect(specs).toEqual(sampleReport().sections.filter(isFigure).map(figure));
});

test("without scripts each figure is a table of its numbers", () => {
  const page = reportPage(sampleReport());
  expect(page).not.toContain("<script");
  expect(page).not.toContain('class="figure"');
  expect(page).toContain('<td class="right">2.84</td>');
});

test("missing numbers are shown as – and never as NaN or null", () => {
  const page = reportPage(sampleReport());
  expect(page.match(/>–</g)!.length).toBeGreaterThanOrEqual(4); // cell, heatmap, curve, bar, table
  expect(page).not.toMatch(/\b(NaN|null|undefined|Infinity)\b/);
});

test("generated text keeps its words and marks them by class", () => {
  const page = reportPage(sampleReport());
  expect(page).toContain(
    ' and it was <mark class="m1" title="sad">broken</mark>. She felt <mark class="m1" title="sad">sad</mark> and <mark class="m1" title="sad">cried</mark> all day.',
  );
});
