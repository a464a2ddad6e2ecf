// The page in a real tab: its own security policy lets it draw, and nothing else.

import { expect, test } from "vitest";

import vega from "../../node_modules/vega/build/vega.min.js?raw";
import vegaEmbed from "../../node_modules/vega-embed/build/vega-embed.min.js?raw";
import vegaLite from "../../node_modules/vega-lite/build/vega-lite.min.js?raw";
import { isFigure, printReport, reportPage } from "../../src/report/index.ts";
import { sampleReport } from "../sample-report.ts";

/** The document of a page opened in a frame, once `isReady` says so, and what its policy had to refuse. */
async function opened(
  page: string,
  isReady: (document: Document) => boolean,
): Promise<{ document: Document; refused: string[] }> {
  const frame = document.createElement("iframe");
  frame.style.width = "1000px";
  // The listener must stand in the page before anything can be refused.
  const listener =
    "<script>addEventListener('securitypolicyviolation', (e) => (window.refused ??= []).push(e.violatedDirective));</script>";
  frame.srcdoc = page.replace("<style>", `${listener}<style>`);
  document.body.append(frame);
  await expect.poll(() => isReady(frame.contentDocument!), { timeout: 20_000 }).toBe(true);
  const { refused = [] } = frame.contentWindow as Window & { refused?: string[] };
  return { document: frame.contentDocument!, refused };
}

const hasFigures = (document: Document): boolean =>
  document.querySelectorAll(".figure svg.marks").length ===
  sampleReport().sections.filter(isFigure).length;

test("every figure of a saved page is drawn without eval or a request", async () => {
  const page = reportPage(sampleReport(), { scripts: [vega, vegaLite, vegaEmbed] });
  const { document, refused } = await opened(page, hasFigures);
  expect(refused).toEqual([]);
  expect(document.querySelectorAll(".figure svg path").length).toBeGreaterThan(20);
  expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(1000);
});

test("the policy refuses a picture from elsewhere", async () => {
  const page = reportPage(sampleReport()).replace("</main>", '<img src="/elsewhere.png"></main>');
  const { refused } = await opened(page, (document) => document.images[0]?.complete ?? false);
  expect(refused).toEqual(["img-src"]);
});

test("a report prints in a tab as it does in a terminal", () => {
  expect(printReport(sampleReport())).toContain("✓ holds  Patching one head restores the name");
});
