// The style sheet of a report page. Colours are custom properties, so dark mode changes values and no rule.

import { palettes, readableOn, shade } from "./palette.ts";
import type { Mode } from "./palette.ts";

/** Cells of a token grid have one of this many colours; the exact value stands in the cell. */
const shadeCount = 33;

/** The class that colours a token cell with a value in 0..1. */
export function shadeClass(value: number | null): string {
  return value === null ? "none" : `v${Math.round(value * (shadeCount - 1))}`;
}

/** Every background of a token cell with the text colour on it. */
export function cellShades(mode: Mode): { background: string; foreground: string }[] {
  const stops = palettes[mode].sequential;
  return Array.from({ length: shadeCount }, (_, i) => shade(stops, i / (shadeCount - 1)));
}

function properties(mode: Mode): string {
  const { page, ink, muted, rule, sequential, marks, good, bad } = palettes[mode];
  const named = { page, ink, muted, rule, good, bad, ramp: sequential.join(",") };
  const lines = Object.entries(named).map(([name, value]) => `--${name}:${value}`);
  for (const [i, mark] of marks.entries()) {
    lines.push(`--mark${i}:${mark}`, `--on-mark${i}:${readableOn(mark)}`);
  }
  return `:root{color-scheme:${mode};${lines.join(";")}}`;
}

function shadeRules(mode: Mode): string {
  return cellShades(mode)
    .map(({ background, foreground }, i) => `.v${i}{background:${background};color:${foreground}}`)
    .join("");
}

const markRules = palettes.light.marks
  .map((_, i) => `.m${i}{background:var(--mark${i});color:var(--on-mark${i})}`)
  .join("");

const layout = `
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;text-rendering:optimizeLegibility;-webkit-text-size-adjust:100%}
main{max-width:960px;margin:0 auto;padding:56px 28px 40px}
h1{font-size:30px;line-height:1.2;font-weight:650;letter-spacing:-.015em;margin:0;text-wrap:balance}
h2{font-size:19px;line-height:1.35;font-weight:600;letter-spacing:-.005em;margin:0 0 14px;text-wrap:balance}
.subtitle{color:var(--muted);font-size:17px;margin:8px 0 0;max-width:68ch}
section{margin-top:44px;break-inside:avoid-page}
p{margin:0 0 12px;max-width:68ch;overflow-wrap:anywhere}
.note{color:var(--muted);font-size:14px;margin:12px 0 0}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:14.5px;font-variant-numeric:tabular-nums}
th{font-weight:500;color:var(--muted);font-size:13px;text-align:left;vertical-align:bottom;white-space:nowrap}
.data th,.data td{padding:7px 22px 7px 0;border-bottom:1px solid var(--rule);vertical-align:top}
.data th:last-child,.data td:last-child{padding-right:0}
.data .right{text-align:right}
.data td{overflow-wrap:anywhere}
.data td.right{white-space:nowrap}
.unit{opacity:.85;font-weight:400}
code,.grid,.pairs td.label{font-family:ui-monospace,"SF Mono",SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.grid{border-collapse:separate;border-spacing:2px;font-size:13px;line-height:1.3}
.grid th{font-weight:400;font-size:12px;padding:2px 8px;font-family:inherit}
.grid thead th{text-align:center}
.grid tbody th,.grid thead th:first-child{text-align:right;position:sticky;left:0;background:var(--page)}
.grid tbody th{vertical-align:middle}
.grid td{min-width:58px;padding:5px 8px 4px;border-radius:4px;text-align:center;white-space:nowrap;max-width:17ch;overflow:hidden;text-overflow:ellipsis}
.grid small{display:block;font-size:11px;line-height:1.2}
.grid .none{color:var(--muted);box-shadow:inset 0 0 0 1px var(--rule)}
.axis{color:var(--muted);font-size:13px}
.legend{display:flex;flex-wrap:wrap;align-items:center;gap:6px 10px;margin:10px 0 0;color:var(--muted);font-size:13px}
.ramp{width:140px;height:10px;border-radius:3px;background:linear-gradient(to right,var(--ramp))}
mark{border-radius:3px;padding:.05em .22em;margin:0 -.1em}
.pairs{width:100%;font-size:15px}
.pairs th{padding:0 24px 6px 0;border-bottom:1px solid var(--rule)}
.pairs td{padding:9px 24px 9px 0;border-bottom:1px solid var(--rule);vertical-align:top;overflow-wrap:anywhere;min-width:7ch}
.pairs .label{white-space:nowrap;width:1%;color:var(--muted);text-align:right}
.pairs .short{white-space:nowrap;width:1%}
.claims{list-style:none;margin:0;padding:0}
.claims li{display:grid;grid-template-columns:76px 1fr;gap:2px 12px;padding:10px 0;border-top:1px solid var(--rule)}
.claims li:last-child{border-bottom:1px solid var(--rule)}
.claims p{margin:0}
.verdict{font-weight:600;font-size:14px;line-height:1.75}
.holds{color:var(--good)}.fails{color:var(--bad)}
.numbers{grid-column:2;display:flex;flex-wrap:wrap;gap:2px 20px;margin:0;font-size:14px;font-variant-numeric:tabular-nums}
.numbers div{display:flex;gap:7px}.numbers dt{color:var(--muted)}.numbers dd{margin:0}
.figure{width:100%;min-height:40px;overflow-x:auto}
.figure.vega-embed{padding-right:0;display:block}
.figure details{opacity:0;transition:opacity .15s}.figure:hover details,.figure details:focus-within,.figure details[open]{opacity:1}
details.numbers-of{margin-top:10px;font-size:14px;color:var(--muted)}
details.numbers-of summary{cursor:pointer;width:max-content}
details.numbers-of .scroll{max-height:360px;overflow:auto;margin-top:8px;color:var(--ink)}
footer{margin-top:56px;padding-top:14px;border-top:1px solid var(--rule);color:var(--muted);font-size:13px}
@media (max-width:600px){main{padding:32px 18px 28px}h1{font-size:25px}.claims li{grid-template-columns:1fr}.numbers{grid-column:1}}
@media print{main{max-width:none;padding:0}details{display:none}}
`;

/** The whole style sheet. */
export function pageStyle(): string {
  const dark = properties("dark") + shadeRules("dark");
  const light = properties("light") + shadeRules("light");
  return `${light}@media (prefers-color-scheme:dark){${dark}}${markRules}${layout}`;
}
