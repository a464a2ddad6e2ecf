// `patchclamp steer learn`: from texts of two kinds to a file that steers, with its measured dose curve inside.

import { basename } from "node:path";

import { writeInterventions } from "../../checkpoints/values/index.ts";
import type { LanguageNetwork } from "../../network/language.ts";
import { learnSteering } from "../../network/steering/choose.ts";
import type { LearnedSteering, SiteCandidate } from "../../network/steering/choose.ts";
import { writtenAt } from "../../network/steering/writing.ts";
import { doseCurveSection, report, table, text, textPairs } from "../../report/index.ts";
import type { Report, Section } from "../../report/index.ts";
import type { InterventionSet } from "../../values/index.ts";
import { command } from "../command.ts";
import type { Call } from "../command.ts";
import { openLanguage } from "../network.ts";
import { choice, networkOperand, number, numbers, text as textOption, texts } from "../options.ts";
import { readPrompt } from "../prompt.ts";
import { weightsOptions } from "../shared-options.ts";
import { effectOf, effectOptions, measuring, savesSet } from "./effect-options.ts";
import { contrastOf, contrastOptions } from "./pairs.ts";

const methods = ["mean-difference", "pca", "probe", "gradient"] as const;

const options = {
  ...contrastOptions,
  method: choice(methods, "how the direction is made (default: mean-difference)"),
  read: choice(["last", "answer", "all"], "the tokens that stand for a text (default: last)"),
  site: texts("glob", "sites to try (default: blocks.*.resid_post)"),
  tries: number("n", "sites that get a dose curve, the best by rank", 3),
  strength: numbers(
    "list",
    "strengths to try; 1 is half the distance between the two kinds",
    "0.5,1,2,3,4,6,8",
  ),
  ...effectOptions,
  name: textOption("text", "what to call it (default: the name of the file)"),
  ...weightsOptions,
} as const;

/** What was learnt, under the name it is to have. */
function namedSet({ set }: LearnedSteering, call: Call<typeof options>): InterventionSet {
  const file = call.out.find((path) => path.endsWith(".safetensors"));
  const name =
    call.options.name ?? (file === undefined ? undefined : basename(file, ".safetensors"));
  return name === undefined ? set : { ...set, name };
}

function candidateTable(candidates: readonly SiteCandidate[]): Section {
  return table({
    title: "Where it was tried",
    columns: [
      "site",
      { label: "shift", unit: "nats a text", decimals: 2 },
      "best strength",
      { label: "effect there", decimals: 2 },
      "usable strengths",
    ],
    rows: candidates.map(({ site, shiftNats, best, curve }) => [
      site,
      shiftNats,
      best?.strength ?? null,
      best?.effect ?? null,
      curve === undefined ? "not measured" : (curve.band?.join(" to ") ?? "none"),
    ]),
    note: "The shift is how much likelier held-out texts of the wanted kind become, at strength 1: by it sites are ranked, and the best get a dose curve. Strength 1 of this table is half the distance between the two kinds.",
  });
}

/** What the network writes after a few of the prompts, without and with it. */
async function samples(
  net: LanguageNetwork,
  set: InterventionSet,
  prompts: readonly string[],
  { seed, temperature }: { readonly seed: number; readonly temperature: number },
): Promise<Section[]> {
  const shown = prompts.slice(0, 3);
  const ids = shown.map((prompt) => readPrompt(net, prompt).ids);
  const doses = { interventions: [set], strengths: [0, 1] };
  const [plain, steered] = await writtenAt(net, doses, ids, { seed, temperature });
  return shown.map((prompt, i) =>
    textPairs({
      title: `After “${prompt}”`,
      columns: { left: "unsteered", right: "strength 1" },
      pairs: [{ left: plain![i]!.text.trim(), right: steered![i]!.text.trim() }],
    }),
  );
}

function learnedReport(
  net: LanguageNetwork,
  learned: LearnedSteering,
  set: InterventionSet,
  more: readonly Section[],
): Report {
  const { site, strength, isUsable, candidates } = learned;
  const verdict = isUsable
    ? `The direction at ${site} does most, at ${strength} times half the distance between the two kinds of texts; that is strength 1 from here on.`
    : `No strength was found at which a direction acts and harms nothing. This is the one at ${site}, which ranked best.`;
  return report({
    title: `${set.name ?? "A direction"} for ${net.name}`,
    sections: [
      text({ paragraphs: [verdict] }),
      doseCurveSection({ title: "What it does, and what it costs", curve: set.curve! }),
      ...more,
      candidateTable(candidates),
    ],
  });
}

export const steerLearn = command({
  name: "steer learn",
  summary: "make a direction from texts of two kinds, choose its layer and strength by dose curves",
  operands: [networkOperand],
  options,
  formats: ["safetensors", "html", "json"],
  examples: [
    "steer learn --pairs demo-report/mood-pairs.jsonl --prompts demo-report/sad-beginnings.txt --words smiled laughed wonderful --out mood.safetensors --out mood.html",
    'steer learn --positive "Sam found his doll. Vera helped Sam." "Paul fixed the lamp. Paul was glad." --negative "Sam lost his doll. Vera pushed Sam." "Paul broke the lamp. Paul was upset." --prompt "Zoe was sad about the game." --words happy smiled laughed',
  ],
  run: async (call) => {
    const { host, operands, note } = call;
    const { method, read, site, tries, strength: strengths, weights } = call.options;
    const contrast = await contrastOf("steer learn", call.options);
    const { effect, prompts, neutral } = await effectOf("steer learn", call.options);
    const net = await openLanguage(host, operands["network"]!, { weights });
    const { how, stop } = measuring(host, call.options);
    const learned = await learnSteering(net, {
      contrast,
      effect,
      neutral,
      strengths,
      tries,
      madeFor: await net.identity(),
      ...how,
      ...(method === undefined ? {} : { method }),
      ...(read === undefined ? {} : { read }),
      ...(site.length === 0 ? {} : { sites: site }),
    }).finally(stop);
    const set = namedSet(learned, call);
    const shown = await samples(net, set, prompts, call.options);
    const { candidates, direction, isUsable } = learned;
    if (!savesSet(call)) note("Add --out NAME.safetensors to keep it.");
    return {
      data: {
        network: net.name,
        name: set.name ?? null,
        method: direction.method,
        site: learned.site,
        strength: learned.strength,
        isUsable,
        curve: set.curve,
        candidates,
      },
      report: learnedReport(net, learned, set, shown),
      files: { safetensors: () => writeInterventions(set) },
      exitCode: isUsable ? 0 : 1,
    };
  },
});
