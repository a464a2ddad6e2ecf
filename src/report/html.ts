// A report as one HTML page that needs nothing else: no file beside it, no network.

import { figureTable } from "./figure-table.ts";
import { figure, isFigure } from "./figure.ts";
import type { FigureSection } from "./figure.ts";
import { columnText, isFiniteNumber, minus, missing, numberFormat, showToken } from "./format.ts";
import { marked } from "./highlight.ts";
import { html, json, script, style } from "./markup.ts";
import type { Markup, Part } from "./markup.ts";
import { pageStyle, shadeClass } from "./page-style.ts";
import type {
  ClaimsSection,
  Report,
  Section,
  TableSection,
  TextPairsSection,
  TokenGridSection,
} from "./report.ts";
import { theme } from "./theme.ts";

export interface PageOptions {
  /**
   * Source of the browser builds of Vega, Vega-Lite and Vega-Embed, in this order. Without them (the default) the page
   * shows the numbers of each figure as a table.
   */
  scripts?: readonly string[];
}

// Vega would compile its expressions with `new Function`, and the page would have to allow `unsafe-eval` beside text that a
// network wrote. `ast: true` has vega-embed interpret them instead: slower by an amount nobody sees in figures this small.
const policy =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

const drawFigures = `
const dark = matchMedia("(prefers-color-scheme: dark)");
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const themes = read("themes");
async function draw() {
  const mode = dark.matches ? "dark" : "light";
  for (const box of document.querySelectorAll(".figure")) {
    try {
      await vegaEmbed(box, read(box.dataset.spec), {
        mode: "vega-lite",
        ast: true,
        renderer: "svg",
        config: themes[mode],
        tooltip: { theme: mode },
        actions: { export: true, source: true, compiled: false, editor: false },
      });
    } catch (problem) {
      box.textContent = "This figure could not be drawn: " + problem.message;
    }
  }
}
dark.addEventListener("change", draw);
draw();
`;

/**
 * One self-contained HTML page: text, tables and token grids as HTML, figures as Vega-Lite with their specifications in
 * the page. It follows the reader's light or dark mode and makes no request to any network.
 */
export function reportPage(report: Report, options: PageOptions = {}): string {
  const { scripts = [] } = options;
  const canDraw = scripts.length > 0 && report.sections.some(isFigure);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <title>${report.title}</title>
        ${style(pageStyle())}
      </head>
      <body>
        <main>
          <header>
            <h1>${report.title}</h1>
            ${report.subtitle === undefined ? "" : html`<p class="subtitle">${report.subtitle}</p>`}
          </header>
          ${report.sections.map((section, i) => sectionHtml(section, `figure-${i}`, canDraw))}
          <footer>Made with PatchClamp.</footer>
        </main>
        ${
          canDraw
            ? [
                json("themes", { light: theme("light"), dark: theme("dark") }),
                ...scripts.map(script),
                script(drawFigures),
              ]
            : []
        }
      </body>
    </html> `;
  return `${page.source.trim()}\n`;
}

function sectionHtml(section: Section, id: string, canDraw: boolean): Markup {
  const { title, note } = section;
  return html`<section>
    ${title === undefined ? "" : html`<h2>${title}</h2>`} ${bodyHtml(section, id, canDraw)}
    ${note === undefined ? "" : html`<p class="note">${note}</p>`}
    ${canDraw && isFigure(section) ? numbersHtml(section) : ""}
  </section>`;
}

function bodyHtml(section: Section, id: string, canDraw: boolean): Markup {
  switch (section.kind) {
    case "text":
      return html`${section.paragraphs.map((paragraph) => html`<p>${paragraph}</p>`)}`;
    case "table":
      return tableHtml(section);
    case "tokenGrid":
      return tokenGridHtml(section);
    case "textPairs":
      return textPairsHtml(section);
    case "claims":
      return claimsHtml(section);
    case "heatmap":
    case "lines":
    case "bars":
    case "doseCurve":
      return canDraw ? figureHtml(section, id) : tableHtml(figureTable(section));
  }
}

/** An empty box that the page's script fills, and what it is filled from. */
function figureHtml(section: FigureSection, id: string): Markup {
  return html`<div class="figure" data-spec="${id}"></div>
    ${json(id, figure(section))}`;
}

function numbersHtml(section: FigureSection): Markup {
  return html`<details class="numbers-of">
    <summary>Numbers</summary>
    ${tableHtml(figureTable(section))}
  </details>`;
}

function tableHtml({ columns, rows }: TableSection): Markup {
  const texts = columns.map((column, j) =>
    columnText(
      column,
      rows.map((row) => row[j]),
    ),
  );
  const head = columns.map(
    ({ label, unit, align }) =>
      html`<th class="${align}" scope="col">
        ${label}${unit === undefined ? "" : html` <span class="unit">(${unit})</span>`}
      </th>`,
  );
  const body = rows.map(
    (_, i) =>
      html`<tr>
        ${columns.map(({ align }, j) => html`<td class="${align}">${minus(texts[j]![i]!)}</td>`)}
      </tr>`,
  );
  return html`<div class="scroll">
    <table class="data">
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div>`;
}

function tokenGridHtml(section: TokenGridSection): Markup {
  const { rows, columns, cells, rowTitle, columnTitle, unit = "value" } = section;
  const format = numberFormat([0.5], { decimals: 2 });
  const head = columns.map((label) => html`<th scope="col">${showToken(label)}</th>`);
  const body = rows.map((label, i) => {
    const row = cells[i]!.map(({ text, value }, j) => {
      const place = `${rowTitle ?? "row"} ${label}, ${showToken(columns[j]!)}`;
      const exact = isFiniteNumber(value) ? value.toPrecision(4) : missing;
      const tooltip = `${place}: ${showToken(text)}, ${unit} ${exact}`;
      return html`<td class="${shadeClass(value)}" title="${tooltip}">
        ${showToken(text)}<small>${format(value)}</small>
      </td>`;
    });
    return html`<tr>
      <th scope="row">${label}</th>
      ${row}
    </tr>`;
  });
  return html`<div class="scroll">
      <table class="grid">
        <thead>
          ${
            columnTitle === undefined
              ? ""
              : html`<tr>
                  <th></th>
                  <th colspan="${columns.length}" scope="colgroup">${columnTitle}</th>
                </tr>`
          }
          <tr>
            <th>${rowTitle}</th>
            ${head}
          </tr>
        </thead>
        <tbody>
          ${body}
        </tbody>
      </table>
    </div>
    <div class="legend">
      <span>${unit}</span><span>0</span><span class="ramp"></span><span>1</span>
    </div>`;
}

function textPairsHtml({ columns, pairs, highlight }: TextPairsSection): Markup {
  const hasLabels = pairs.some(({ label }) => label !== undefined);
  const mark = (word: string, i: number, name: string): Markup =>
    html`<mark class="m${i}" title="${name}">${word}</mark>`;
  const withMarks = (text: string): Part[] =>
    marked(text, highlight).map(({ text: piece, mark: i }) =>
      i === undefined ? piece : mark(piece, i, highlight[i]!.name),
    );
  const isShort = pairs.every(({ left }) => left.length <= 8);
  const body = pairs.map(
    ({ label, left, right }) =>
      html`<tr>
        ${hasLabels ? html`<td class="label">${minus(label ?? "")}</td>` : ""}
        <td class="${isShort ? "short" : ""}">${withMarks(isShort ? minus(left) : left)}</td>
        <td>${withMarks(right)}</td>
      </tr>`,
  );
  return html`<div class="scroll">
      <table class="pairs">
        <thead>
          <tr>
            ${hasLabels ? html`<th class="label" scope="col">${columns.label ?? ""}</th>` : ""}
            <th scope="col">${columns.left}</th>
            <th scope="col">${columns.right}</th>
          </tr>
        </thead>
        <tbody>
          ${body}
        </tbody>
      </table>
    </div>
    ${
      highlight.length === 0
        ? ""
        : html`<div class="legend">
            <span>marked words:</span>
            ${highlight.map(({ name }, i) => mark(name, i, name))}
          </div>`
    }`;
}

function claimsHtml({ claims }: ClaimsSection): Markup {
  const items = claims.map(({ sentence, holds, numbers }) => {
    const format = numberFormat(Object.values(numbers));
    const measured = Object.entries(numbers).map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${minus(format(value))}</dd>
        </div>`,
    );
    return html`<li>
      <span class="verdict ${holds ? "holds" : "fails"}">${holds ? "✓ holds" : "✗ fails"}</span>
      <p>${sentence}</p>
      ${measured.length === 0 ? "" : html`<dl class="numbers">${measured}</dl>`}
    </li>`;
  });
  return html`<ul class="claims">
    ${items}
  </ul>`;
}
