// An organism's page: README.md beside its weights, made of its card and its config.

import { plural } from "../core/text.ts";
import type { Card } from "./card.ts";
import type { Organism } from "./organism.ts";

/** Options of `organismPage`. */
export interface PageOptions {
  /** The file of the figure of its training, beside the page. Default: none. */
  figure?: string | undefined;
}

/** Writes the page of an organism, in Markdown. A bar that is missed is said to be. */
export function organismPage(organism: Organism, card: Card, options: PageOptions = {}): string {
  const { figure } = options;
  const { name, description, limits } = card;
  const parts = [
    `# organism:${name}`,
    `${description} Open it as \`organism:${name}\`.`,
    facts([
      ["form", formOf(organism.config)],
      ["parameters", card.parameters.toLocaleString("en")],
      ["weights", `${(card.bytes / 1e6).toFixed(1)} MB, SHA-256 \`${card.sha256}\``],
      ["training", trainingWords(organism, card)],
      ["recipe", recipeWords(card)],
    ]),
    "## What it can do",
    skillsSentence(card),
    skillsTable(card),
    meanings(card),
    ...(limits.length === 0
      ? []
      : ["## What it does not know", limits.map((limit) => `- ${limit}`).join("\n")]),
    "## How it was trained",
    ...(figure === undefined
      ? []
      : [`![Loss and held-out scores over the steps of the training](${figure})`]),
    "The recipe and its seed decide everything, so this trains it again; with `--resume` behind it, a run that was stopped goes on:",
    `\`\`\`sh\nnpx ${card.command}\n\`\`\``,
    "And this compares the weights with their card, and measures every skill on other samples:",
    `\`\`\`sh\nnpx patchclamp organisms check ${name}\n\`\`\``,
  ];
  return `${parts.join("\n\n")}\n`;
}

/** The skills of a card that reach their bars, and those that do not. */
export function skillsHeld({ scores }: Card): { held: string[]; missed: string[] } {
  const holds = (name: string): boolean => scores[name]!.score >= scores[name]!.bar;
  const names = Object.keys(scores);
  return { held: names.filter(holds), missed: names.filter((name) => !holds(name)) };
}

/** `97.4 %`, rounded down: what is just below its bar does not read as if it had reached it. */
export function percent(share: number): string {
  // 0.57 * 1000 is a little less than 570
  return `${(Math.floor(1000 * share + 1e-9) / 10).toFixed(1)} %`;
}

/** `3.1 points` of a hundred, rounded up. */
function points(share: number): string {
  return `${(Math.ceil(1000 * share - 1e-9) / 10).toFixed(1)} points`;
}

/** How large a network is, by the keys of config.json that say so. */
const SIZES: readonly (readonly [what: string, keys: readonly string[]])[] = [
  ["layer", ["num_hidden_layers", "n_layer", "num_layers"]],
  ["expert", ["num_local_experts", "num_experts", "n_routed_experts"]],
  ["head", ["num_attention_heads", "n_head", "num_heads"]],
];
const WIDTHS = ["hidden_size", "n_embd", "d_model"];

/**
 * What a network is in a few words, such as `Llama, 8 layers, 6 heads, width 192`.
 *
 * @param config - config.json
 */
export function formOf(config: Readonly<Record<string, unknown>>): string {
  const [architecture = config["model_type"]] = (config["architectures"] ?? []) as unknown[];
  const found = (keys: readonly string[]): unknown => keys.map((key) => config[key]).find(Boolean);
  const sizes = SIZES.flatMap(([what, keys]) => {
    const size = found(keys);
    return typeof size === "number" ? [plural(size, what)] : [];
  });
  const width = found(WIDTHS) ?? config["hidden_sizes"];
  const parts = [
    String(architecture).replace(/(?:LMHead|For[A-Z]|Model).*$/, ""),
    ...(Array.isArray(config["depths"]) ? [`${config["depths"].join(" + ")} blocks`] : []),
    ...sizes,
    ...(width === undefined ? [] : [`width ${[width].flat().map(String).join(", ")}`]),
  ];
  const towers = ["vision_config", "text_config"].flatMap((key) => {
    const tower = config[key];
    return tower === undefined ? [] : [formOf(tower as Readonly<Record<string, unknown>>)];
  });
  return [parts.join(", "), ...towers].join("; ");
}

/** How long an organism was trained, and on how much. */
export function trainingWords({ pictures, tokenizer }: Organism, card: Card): string {
  const unit = pictures !== undefined && tokenizer === undefined ? "images" : "tokens";
  const { steps, seen, minutes, seed } = card;
  return [
    `${steps.toLocaleString("en")} step${steps === 1 ? "" : "s"} of ${(seen / steps).toLocaleString("en")} ${unit}`,
    `${millions(seen)} in all`,
    ...(minutes === undefined ? [] : [`${duration(minutes)} of updates`]),
    `seed ${seed}`,
  ].join("; ");
}

/** In minutes, or in seconds where it is less than one. */
function duration(minutes: number): string {
  const twoDigits = (value: number): number => Number(value.toPrecision(2));
  return minutes < 1
    ? plural(twoDigits(60 * minutes), "second")
    : plural(twoDigits(minutes), "minute");
}

/** `16.4 million`, or a smaller number as it is. */
function millions(count: number): string {
  return count < 1e6 ? count.toLocaleString("en") : `${(count / 1e6).toFixed(1)} million`;
}

/** The recipe's numbers as words: `learning rate 0.002, warmup steps 200`. */
function recipeWords({ recipe }: Card): string {
  const isSaid = new Set(["steps", "tokens", "seed"]);
  return Object.entries(recipe)
    .filter(([key]) => !isSaid.has(key))
    .map(([key, value]) => `${key.replaceAll(/[A-Z]/g, (a) => ` ${a.toLowerCase()}`)} ${value}`)
    .join(", ");
}

function skillsSentence(card: Card): string {
  const { held, missed } = skillsHeld(card);
  const all = held.length + missed.length;
  const samples = [...new Set(Object.values(card.scores).map((skill) => skill.samples))];
  const verdict =
    missed.length === 0
      ? `All ${all} reach their bars.`
      : `${held.length} of ${all} reach their bars; ${missed.join(", ")} ${missed.length === 1 ? "does" : "do"} not.`;
  return `Measured on ${samples.join(" or ")} held-out samples of each. ${verdict}`;
}

function skillsTable({ scores }: Card): string {
  const rows = Object.entries(scores).map(([name, { score, bar }]) => [
    name,
    percent(score),
    percent(bar),
    score >= bar ? "holds" : `**missed by ${points(bar - score)}**`,
  ]);
  return markdownTable([["skill", "held-out score", "bar", ""], ...rows], [1, 2]);
}

function meanings({ scores }: Card): string {
  return Object.entries(scores)
    .map(([name, { meaning }]) => `- _${name}_: ${meaning}`)
    .join("\n");
}

function facts(rows: readonly (readonly string[])[]): string {
  return markdownTable([["", ""], ...rows]);
}

/**
 * @param rows - the head first
 * @param right - columns whose cells stand on the right
 */
function markdownTable(
  [head, ...rows]: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const widths = head!.map((_, j) => Math.max(3, ...[head!, ...rows].map((row) => row[j]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, j) => (right.includes(j) ? cell.padStart(widths[j]!) : cell.padEnd(widths[j]!))).join(" | ")} |`;
  const rule = widths.map((width, j) =>
    right.includes(j) ? `${"-".repeat(width - 1)}:` : "-".repeat(width),
  );
  return [line(head!), line(rule), ...rows.map(line)].join("\n");
}
