// `patchclamp run`: one pass over a prompt, and what the network expects next, layer by layer where that is asked for.

import { PatchClampError } from "../core/errors.ts";
import { bars, report } from "../report/index.ts";
import type { Section } from "../report/index.ts";
import { command } from "./command.ts";
import { listed, loadSets, setsOf } from "./interventions.ts";
import { lensGrid, lensSection, likeliestNext } from "./lens-section.ts";
import type { LensGrid, NextToken } from "./lens-section.ts";
import { openLanguage } from "./network.ts";
import { flag, networkOperand, number, promptOperand } from "./options.ts";
import { promptForm, readPrompt } from "./prompt.ts";
import { promptOptions, steeringOptions, weightsOptions } from "./shared-options.ts";

function nextBars(next: readonly NextToken[]): Section {
  return bars({
    title: "After the whole prompt",
    value: { label: "probability" },
    bars: next.map(({ token, probability }) => ({ label: token, value: probability })),
  });
}

function layersSection(tokens: readonly string[], grid: LensGrid): Section {
  return lensSection(tokens, grid, {
    title: "Where each layer makes up its mind",
    note: "Each cell is the word that the network would say next if it stopped at that layer.",
  });
}

/** The lens reads the network as it is. */
function checkLens(lens: boolean, interventions: readonly string[]): void {
  if (!lens || interventions.length === 0) return;
  throw new PatchClampError("BAD_OPTION", {
    where: "run",
    problem: "--lens reads the layers of the network as it is, not of one that is steered.",
    fix: "leave --interventions or --lens out.",
  });
}

export const run = command({
  name: "run",
  summary: "read a prompt and show what the network expects next, with --lens at each layer",
  operands: [networkOperand, promptOperand],
  options: {
    top: number("n", "how many of the likeliest tokens to show", 5),
    lens: flag("show what each layer expects"),
    ...promptOptions,
    ...steeringOptions,
    ...weightsOptions,
  },
  formats: ["html", "json"],
  examples: [
    'run "When Mira and Tomo went to the park, Mira gave the red cup to"',
    'run "Mira and Tomo were at the park. Mira gave a red cup to" --lens',
  ],
  run: async ({ host, operands, options, note }) => {
    const { lens, top, interventions, strength } = options;
    checkLens(lens, interventions);
    const net = await openLanguage(host, operands["network"]!, options);
    const { ids, tokens, warning } = readPrompt(net, operands["prompt"]!, promptForm(options));
    if (warning !== undefined) note(warning);
    const loaded = await loadSets(net, interventions, note);
    const grid = lens ? await lensGrid(net, ids, top) : undefined;
    const pass = grid ?? {
      next: await likeliestNext(
        net,
        (await net.run([ids], { interventions: setsOf(loaded), strength, capture: "logits" }))
          .logits,
        top,
      ),
    };
    return {
      data: {
        network: net.name,
        prompt: operands["prompt"]!,
        tokens,
        next: pass.next,
        ...(grid === undefined ? {} : { layers: grid.layers }),
        ...(loaded.length === 0 ? {} : { strength, interventions: listed(loaded) }),
      },
      report: report({
        title: `What ${net.name} expects next`,
        subtitle: operands["prompt"]!,
        sections: [
          nextBars(pass.next),
          ...(grid === undefined ? [] : [layersSection(tokens, grid)]),
        ],
      }),
    };
  },
});
