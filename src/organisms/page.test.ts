import { expect, test } from "vitest";

import type { Card } from "./card.ts";
import type { Organism } from "./organism.ts";
import { formOf, organismPage, percent } from "./page.ts";

const score = (given: number, bar: number): Card["scores"][string] => ({
  score: given,
  bar,
  samples: 500,
  meaning: "What is said is right.",
});

const card: Card = {
  name: "parrot",
  description: "A small GPT-2 that repeats.",
  parameters: 1_234_567,
  bytes: 2_469_134,
  sha256: "ab",
  steps: 3000,
  seed: 8,
  seen: 6_144_000,
  minutes: 91.4,
  recipe: { steps: 3000, tokens: 2048, learningRate: 0.002, weightDecay: 0.01, seed: 7 },
  scores: { talk: score(0.9799, 0.98), listen: score(1, 0.9), sing: score(0.8, 0.95) },
  limits: ["It knows no songs."],
  command: "patchclamp organisms train parrot",
};

const organism = {
  config: { architectures: ["GPT2LMHeadModel"], n_layer: 2, n_head: 4, n_embd: 64 },
} as unknown as Organism;

test("a page says what the organism is, how it was trained, and what it cannot do", () => {
  const page = organismPage(organism, card, { figure: "training.svg" });
  for (const text of [
    "# organism:parrot\n\nA small GPT-2 that repeats.",
    "GPT2, 2 layers, 4 heads, width 64",
    "1,234,567",
    "2.5 MB, SHA-256 `ab`",
    "3,000 steps of 2,048 tokens; 6.1 million in all; 91 minutes of updates; seed 8",
    "learning rate 0.002, weight decay 0.01",
    "- It knows no songs.",
    "](training.svg)",
    "npx patchclamp organisms train parrot\n",
    "npx patchclamp organisms check parrot\n",
  ]) {
    expect(page).toContain(text);
  }
});

test("a bar that is missed is said to be, above the table and in it, and by how much", () => {
  const page = organismPage(organism, card);
  expect(page).toContain("1 of 3 reach their bars; talk, sing do not.");
  expect(page).toMatch(/^\| talk +\| +97\.9 % \| 98\.0 % \| \*\*missed by 0\.1 points\*\* +\|$/m);
  expect(page).toMatch(/^\| sing +\| +80\.0 % \| 95\.0 % \| \*\*missed by 15\.0 points\*\* +\|$/m);
  expect(page).toMatch(/^\| listen +\| +100\.0 % \| 90\.0 % \| holds +\|$/m);
});

test("a page without a figure and limits speaks of neither", () => {
  const page = organismPage(organism, { ...card, limits: [] });
  expect(page).not.toMatch(/!\[|What it does not know/);
});

test("shares are rounded down, so that only 1 is 100.0 %", () => {
  expect([1, 0.99999, 0.57, 0.9499, 0].map(percent)).toEqual([
    "100.0 %",
    "99.9 %",
    "57.0 %",
    "94.9 %",
    "0.0 %",
  ]);
});

test("a form is read from the spellings of every family", () => {
  expect(
    formOf({ architectures: ["MixtralForCausalLM"], num_hidden_layers: 4, num_local_experts: 8 }),
  ).toBe("Mixtral, 4 layers, 8 experts");
  expect(
    formOf({ architectures: ["T5ForConditionalGeneration"], num_layers: 1, d_model: 128 }),
  ).toBe("T5, 1 layer, width 128");
  expect(
    formOf({
      architectures: ["ResNetForImageClassification"],
      depths: [1, 2],
      hidden_sizes: [8, 16],
    }),
  ).toBe("ResNet, 1 + 2 blocks, width 8, 16");
  expect(
    formOf({
      architectures: ["LlavaForConditionalGeneration"],
      vision_config: { model_type: "clip_vision_model", num_hidden_layers: 2 },
      text_config: { model_type: "llama", num_hidden_layers: 8, hidden_size: 192 },
    }),
  ).toBe("Llava; clip_vision_model, 2 layers; llama, 8 layers, width 192");
});
