// A report with every kind of section, used by tests.

import { report } from "../src/report/report.ts";
import type { Report } from "../src/report/report.ts";
import {
  bars,
  claims,
  heatmap,
  lines,
  table,
  text,
  textPairs,
  tokenGrid,
} from "../src/report/sections.ts";

const prompt = ["Mira", " gave", " the", " red", " cup", " to"];
const strengths = [-6, -4, -2, 0, 2, 4, 6];
const happyShare = [0.02, 0.05, 0.19, 0.48, 0.81, 0.95, 0.97];

const lens = [
  [" was", " the", " the", " red", " and", " the"],
  [" and", " a", " red", " cup", " was", " her"],
  [" gave", " the", " red", " cup", " to", " Tomo"],
  [" gave", " the", " blue", " cup", " to", " Tomo"],
];

/** What a demonstration of steering might find, with odd tokens and missing numbers among it. */
export function sampleReport(): Report {
  return report({
    title: "What moves the name, and what moves the mood",
    subtitle: "A small decoder of four layers, read and steered at its residual stream.",
    sections: [
      text({
        title: "In short",
        paragraphs: [
          "The network makes up its mind about the name in its third layer. One head carries it there: patching blocks.2.attn.z at head 1 restores the answer almost completely.",
          "A direction built from 32 pairs of happy and sad stories moves the ending either way, until the text breaks at strengths beyond six.",
        ],
      }),
      tokenGrid({
        title: "Where each layer makes up its mind",
        rows: ["embed", "0", "1", "2"],
        columns: prompt,
        rowTitle: "layer",
        columnTitle: "after the token",
        unit: "probability",
        cells: lens.map((tokens, i) =>
          tokens.map((token, j) => ({
            text: i === 0 && j === 0 ? "\n" : token,
            value: i === 0 && j === 5 ? Number.NaN : Math.min(0.99, 0.06 + 0.09 * j + 0.13 * i * i),
          })),
        ),
        note: "Each cell is the token that the layer would predict, and how sure it is of it.",
      }),
      heatmap({
        title: "Which layer and position carry the name",
        rows: ["2", "1", "0"],
        columns: prompt,
        rowTitle: "layer",
        columnTitle: "position",
        unit: "nats",
        values: [
          new Float32Array([0.01, 0.02, -0.04, 0.11, 0.3, 2.84]),
          new Float32Array([0.62, 0.05, -0.31, 0.02, 0.21, 1.9]),
          new Float32Array([2.61, -0.52, Number.NaN, 0.04, -0.1, 0.09]),
        ],
        note: "Difference of logits between Tomo and Mira that each patch restores.",
      }),
      lines({
        title: "Happy endings by strength",
        x: { label: "strength", unit: "multiples of the direction" },
        y: { label: "share" },
        series: [
          {
            label: "happy ending",
            x: strengths,
            y: happyShare,
            low: happyShare.map((share) => Math.max(0, share - 0.06)),
            high: happyShare.map((share) => Math.min(1, share + 0.06)),
          },
          {
            label: "fluent text",
            x: strengths,
            y: [0.71, 0.9, 0.98, 0.99, 0.98, Number.NaN, 0.66],
          },
        ],
      }),
      bars({
        title: "Names recovered by method",
        value: { label: "share of prompts" },
        bars: [
          { label: "one head patched", value: 0.91, low: 0.87, high: 0.94 },
          { label: "random head patched", value: 0.04, low: 0.02, high: 0.07 },
          { label: "attribution only", value: -0.12, low: -0.16, high: -0.07 },
          { label: "not measured", value: null },
        ],
      }),
      textPairs({
        title: "The same beginning at several strengths",
        columns: { label: "strength", left: "prompt", right: "continuation" },
        pairs: [
          {
            label: "-6",
            left: "Mira found the red cup",
            right: " and it was broken. She felt sad and cried all day.",
          },
          {
            label: "0",
            left: "Mira found the red cup",
            right: " near the river. She gave it to Tomo.",
          },
          {
            label: "+6",
            left: "Mira found the red cup",
            right: " and laughed. Everyone was happy, glad and\nproud.",
          },
        ],
        highlight: {
          happy: ["happy", "glad", "proud", "laughed"],
          sad: ["sad", "cried", "broken"],
        },
      }),
      table({
        title: "Cost",
        columns: [
          "call",
          { label: "time", unit: "ms" },
          { label: "memory", unit: "MiB" },
          "in place",
        ],
        rows: [
          ["plain forward", 12.41, 38, true],
          ["forward with every site captured", 13.02, 61, false],
          ["forward, 部分的, one site", 4.7, Number.POSITIVE_INFINITY, true],
        ],
      }),
      claims({
        title: "Claims",
        claims: [
          {
            sentence: "Patching one head restores the name in at least nine of ten prompts.",
            holds: true,
            numbers: { "one head": 0.91, "random head": 0.04 },
          },
          {
            sentence: "Steering at strength 6 leaves the text as fluent as before.",
            holds: false,
            numbers: { "fluent at 0": 0.99, "fluent at 6": 0.66, margin: 0.05 },
          },
        ],
      }),
    ],
  });
}
