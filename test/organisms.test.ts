// Every organism keeps the promises of its card, on samples that its card did not use.

import { expect, test } from "vitest";

import { readJson } from "../src/core/files.ts";
import { loadNetwork, organisms } from "../src/index.ts";
import { organismFolder } from "../src/organisms/place.ts";
import type { Card } from "../src/organisms/train.ts";
import { openFolder } from "../src/runtime/open-folder.ts";

const skills = organisms.flatMap((organism) =>
  organism.skills.map((skill) => ({ organism, skill })),
);

test.each(skills)(
  "organism:$organism.name reaches the bar of $skill.name on a fresh sample",
  async ({ organism, skill }) => {
    const net = await loadNetwork(`organism:${organism.name}`);
    const score = await skill.measure(net, { seed: 31, count: 200 });
    expect(score).toBeGreaterThanOrEqual(skill.bar);
  },
);

test.each(organisms)(
  "the card of organism:$name belongs to its recipe and weights",
  async (organism) => {
    const files = openFolder(organismFolder(organism.name));
    const card = (await readJson("test", files, "card.json")) as Card;
    const config = await readJson("test", files, "config.json");
    const bytes = await files.size("model.safetensors");
    expect(config).toEqual(organism.recipe.config);
    expect(card.steps).toBe(organism.recipe.steps);
    expect(Object.keys(card.scores)).toEqual(organism.skills.map(({ name }) => name));
    expect(bytes).toBeLessThan(6e6);
    expect(card.parameters).toBeLessThan(1.5e6);
    // four bytes a parameter, and a header
    expect(bytes - 4 * card.parameters).toBeLessThan(20_000);
  },
);

test.each(organisms)(
  "the page of organism:$name shows the scores of its card",
  async ({ name }) => {
    const files = openFolder(organismFolder(name));
    const card = (await readJson("test", files, "card.json")) as Card;
    const page = new TextDecoder().decode(await files.read("README.md"));
    const shown = Object.values(card.scores).map(
      ({ score }) => `| ${Number((100 * score).toFixed(1))} % |`,
    );
    expect(shown.filter((text) => !page.includes(text))).toEqual([]);
    expect(page).toContain(card.parameters.toLocaleString("en"));
  },
);
