// `patchclamp steer apply`: what a network writes unsteered beside what it writes at several strengths.

import { PatchClampError } from "../../core/errors.ts";
import type { LanguageNetwork } from "../../network/language.ts";
import type { Contrast } from "../../network/steering/contrast.ts";
import { learnDirection } from "../../network/steering/learn.ts";
import { writtenAt } from "../../network/steering/writing.ts";
import { report, textPairs } from "../../report/index.ts";
import type { InterventionSet } from "../../values/index.ts";
import { command } from "../command.ts";
import type { OptionsOf } from "../command.ts";
import type { LoadedSet } from "../interventions.ts";
import { announcement, doseOf, listed, loadSets, setsOf } from "../interventions.ts";
import { openLanguage } from "../network.ts";
import {
  networkOperand,
  number,
  numbers,
  optionalNumber,
  promptOperand,
  text,
} from "../options.ts";
import { readPrompt } from "../prompt.ts";
import { steeringOptions, weightsOptions } from "../shared-options.ts";
import { contrastOf, contrastOptions, hasContrast } from "./pairs.ts";

/** The middle of a network, where directions that come from texts tend to work. */
function middleSite(net: LanguageNetwork): string {
  return `blocks.${Math.floor((net.config.nLayers - 1) / 2)}.resid_post`;
}

const options = {
  interventions: steeringOptions.interventions,
  ...contrastOptions,
  site: text(
    "name",
    "where to add a direction between texts (default: the residual stream after the middle block)",
  ),
  strength: numbers("list", "strengths, as -4,0,4 or -6..6", "-4,0,4"),
  maxTokens: optionalNumber("n", "most new tokens (default: room in the context, at most 24)"),
  temperature: number("t", "0 takes the likeliest token, 1 draws as the network expects", 0),
  seed: number("n", "seed of the draws", 0),
  ...weightsOptions,
} as const;

/** What is applied: files, or a direction between texts, and where that is. */
interface Applied {
  readonly sets: readonly InterventionSet[];
  readonly loaded: readonly LoadedSet[];
  readonly site?: string;
  /** What strength 1 is, as a sentence. */
  readonly note: string;
}

/**
 * The texts of two kinds, or undefined where files are to be applied.
 *
 * @throws PatchClampError `BAD_OPTION` when there are both or neither, and what `contrastOf` throws
 */
async function givenContrast(given: OptionsOf<typeof options>): Promise<Contrast | undefined> {
  const isFiles = given.interventions.length > 0;
  if (isFiles !== hasContrast(given)) {
    return isFiles ? undefined : contrastOf("steer apply", given);
  }
  throw new PatchClampError("BAD_OPTION", {
    where: "steer apply",
    problem: isFiles
      ? "there are files of interventions and texts of two kinds, and one of the two is applied."
      : "there is nothing to apply.",
    fix: "give --interventions FILE, or --positive and --negative texts, or --pairs FILE.",
  });
}

async function appliedOf(
  net: LanguageNetwork,
  contrast: Contrast | undefined,
  given: OptionsOf<typeof options>,
): Promise<Applied> {
  if (contrast === undefined) {
    const loaded = await loadSets(net, given.interventions);
    const note = `${loaded.map(announcement).join(" ")} Strength 1 is what the file says.`;
    return { sets: setsOf(loaded), loaded, note };
  }
  const { set, site } = await learnDirection(net, contrast, {
    method: "mean-difference",
    holdOut: 0,
    site: given.site ?? middleSite(net),
  });
  const note = "Strength 1 is half the distance between the means of the two kinds of texts.";
  return { sets: [set], loaded: [], site, note };
}

export const steerApply = command({
  name: "steer apply",
  summary: "show what a network writes unsteered and at several strengths, side by side",
  operands: [networkOperand, promptOperand],
  options,
  formats: ["html", "json"],
  examples: [
    'steer apply "Mira was at the park. Mira saw a red kite." --positive "Mira found her red kite." --negative "Mira lost her red kite."',
    'steer apply "Mira was at the park." --pairs demo-report/mood-pairs.jsonl --site blocks.1.resid_post --strength -6..6',
    'steer apply "Mira was at the park." --interventions mood.safetensors --strength -4..4',
  ],
  run: async (call) => {
    const { host, operands, note } = call;
    const { strength: strengths, temperature, seed, maxTokens, weights } = call.options;
    const contrast = await givenContrast(call.options);
    const net = await openLanguage(host, operands["network"]!, { weights });
    const prompt = operands["prompt"]!.trim();
    const { ids, warning } = readPrompt(net, prompt);
    if (warning !== undefined) note(warning);
    const { sets, loaded, site, note: meaning } = await appliedOf(net, contrast, call.options);
    const doses = { interventions: sets, strengths: [0, ...strengths] };
    const how = { maxTokens, temperature, seed, signal: host.interrupted() };
    const written = await writtenAt(net, doses, [ids], how);
    const [plain, ...others] = written.map(([only]) => only!.text.trim());
    const steered = strengths.map((strength, i) => ({
      strength,
      dose: doseOf(strength, sets),
      text: others[i]!,
    }));
    return {
      data: {
        network: net.name,
        prompt,
        ...(site === undefined ? { interventions: listed(loaded) } : { site }),
        unsteered: plain,
        steered,
      },
      report: report({
        title: `Steering ${net.name}${site === undefined ? "" : ` at ${site}`}`,
        subtitle: prompt,
        sections: [
          textPairs({
            columns: { label: "strength", left: "unsteered", right: "steered" },
            pairs: steered.map(({ strength, dose, text: right }) => ({
              label: `${strength}${marks[dose]}`,
              left: plain!,
              right,
            })),
            note: `${meaning}${steered.some(({ dose }) => marks[dose] !== "") ? ` ${legend}` : ""}`,
          }),
        ],
      }),
    };
  },
});

/** What stands behind a strength, from its curve. */
const marks = { usable: " ✓", outside: "", collapsed: " ✗", unknown: "" } as const;
const legend = "✓ is inside the usable band, ✗ where texts fall apart.";
