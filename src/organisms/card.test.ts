import { expect, test } from "vitest";

import { memoryFiles } from "../core/files.ts";
import type { Card } from "./card.ts";
import { checkWeights, readCard, recipeNumbers } from "./card.ts";
import type { Recipe } from "./organism.ts";

const card = {
  name: "parrot",
  // SHA-256 of nothing (FIPS 180-4)
  sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  command: "patchclamp organisms train parrot",
} as Card;

test("weights that are those of a card are let through", async () => {
  const files = memoryFiles({ "model.safetensors": "" });
  await expect(checkWeights("check", card, files)).resolves.toBeUndefined();
});

test("weights that are not those of a card are refused with both hashes", async () => {
  const files = memoryFiles({ "model.safetensors": "abc" });
  await expect(checkWeights("check", card, files)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: check: model.safetensors of organism:parrot has the SHA-256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, but its card is of e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.
      fix: restore the file, or train the organism again with \`patchclamp organisms train parrot\`.]
  `);
});

test("a folder in which nothing was trained has no card", async () => {
  expect(await readCard(memoryFiles())).toBeUndefined();
});

test("a card keeps what a recipe says in numbers and names, and not its code", () => {
  const recipe = {
    steps: 10,
    optimiser: "muon",
    moments: [1, 2],
    batch: () => [],
  } as unknown as Recipe;
  expect(recipeNumbers(recipe)).toEqual({ steps: 10, optimiser: "muon" });
});
