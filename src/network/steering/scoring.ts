// How likely a steered network finds texts that it did not write.

import { fromHost } from "../../tensor/leaf.ts";
import { placesOf } from "../../values/index.ts";
import { planFor } from "../interventions.ts";
import type { LanguageNetwork } from "../language.ts";
import type { Edits } from "../network.ts";
import type { Doses, Measuring } from "./doses.ts";
import { inBatches } from "./doses.ts";

/** A text in two parts: what is given as a prompt, and what is scored as if the network were writing it. */
export interface Passage {
  readonly given: readonly number[];
  readonly written: readonly number[];
}

/**
 * Reads passages with interventions at work, and scores the tokens of their second parts.
 *
 * Interventions meet the places that they would meet if the network wrote the second part itself: those of the phase `generated` apply
 * there, those of the phase `prompt` to the first part alone.
 *
 * @returns log-probabilities in nats, [strength][passage][token]
 * @throws PatchClampError what `planFor` throws, and `BAD_INPUT` when a passage is longer than the context
 */
export async function logProbabilities(
  net: LanguageNetwork,
  { interventions, strengths }: Doses,
  passages: readonly Passage[],
  how: Measuring,
): Promise<number[][][]> {
  const plan = planFor(net, { interventions });
  const whole = passages.map(({ given, written }) => [...given, ...written]);
  const lengths = whole.map((ids) => ids.length);
  return inBatches(net, strengths, lengths, how, async (rows) => {
    const prompts = rows.map(({ text }) => whole[text]!);
    const input = { prompts, padding: "right" } as const;
    const given = rows.map(({ text }) => passages[text]!.given.length);
    const places = placesOf(net.tokens(input), given);
    const strength = rows.map((row) => row.strength);
    const edit: Edits = Object.fromEntries(plan?.edits(plan.inputs(places, { strength })) ?? []);
    const { logits } = net.trace(input, { edit });
    // the logits at a position are about the token after it; what they say of padding is not read
    const [batch, pos] = logits.shape as [number, number];
    const after = prompts.flatMap((ids) => Array.from({ length: pos }, (_, i) => ids[i + 1] ?? 0));
    const next = fromHost(Int32Array.from(after), { shape: [batch, pos, 1], dtype: "int32" });
    const found = await logits.logSoftmax().takeAlongAxis(next).numbers();
    return prompts.map((ids, row) =>
      Array.from(found.subarray(row * pos + given[row]! - 1, row * pos + ids.length - 1)),
    );
  });
}
