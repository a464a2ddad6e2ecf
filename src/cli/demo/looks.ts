// What an attention head looks at while the next word is chosen.

import type { LanguageNetwork } from "../../network/language.ts";
import { table, tokenGrid } from "../../report/index.ts";
import type { Section } from "../../report/index.ts";
import type { GiftPrompt } from "../../worlds/index.ts";
import { largest, meanOf } from "./chapter.ts";
import { nameOf } from "./heads.ts";
import type { Head } from "./heads.ts";

/** Attention of one head from the last word. */
export interface Look {
  readonly head: Head;
  /** [prompt][position] */
  readonly attention: readonly (readonly number[])[];
  /** Where it looks most in prompts that name the receiver first, counted with `<bos>`. */
  readonly position: number;
  /** What stands there: a person by role, another word as it is in the first prompt. */
  readonly word: string;
  /** Share of attention at that word, mean over all prompts. */
  readonly share: number;
}

/** Records where a head looks from the last word; the prompts have their words at equal positions. */
export async function looksFrom(
  net: LanguageNetwork,
  gifts: readonly GiftPrompt[],
  head: Head,
): Promise<Look> {
  const attention = await attentionFromEnd(
    net,
    gifts.map(({ prompt }) => prompt),
    head,
  );
  const slots = attention[0]!.map((_, position) => position);
  // a slot is a position as in a prompt that names the receiver first; in the others the two names change places
  const shares = slots.map((slot) =>
    meanOf(gifts.map((gift, i) => attention[i]![positionOf(slot, gift)]!)),
  );
  const position = largest(shares);
  return {
    head,
    attention,
    position,
    word: wordAt(net, gifts[0]!, position),
    share: shares[position]!,
  };
}

/** Attention of one head from the last position, [prompt][position]. */
async function attentionFromEnd(
  net: LanguageNetwork,
  prompts: readonly string[],
  { layer, head }: Head,
): Promise<number[][]> {
  const pattern = net
    .trace(prompts)
    .at(`blocks.${layer}.attn.pattern`) // [batch, head, query, key]
    .slice({ axis: 1, start: head, end: head + 1 })
    .slice({ axis: 2, start: -1 });
  const flat = Array.from(await pattern.numbers());
  const pos = pattern.shape[3]!;
  return prompts.map((_, i) => flat.slice(i * pos, (i + 1) * pos));
}

/** Positions of names count words, and `<bos>` stands before the first. */
function positionOf(slot: number, { order, positions }: GiftPrompt): number {
  const [first, second] = [positions.first + 1, positions.second + 1];
  if (order === "ABBA") return slot;
  return slot === first ? second : slot === second ? first : slot;
}

function wordAt(net: LanguageNetwork, { prompt, positions }: GiftPrompt, slot: number): string {
  if (slot === positions.first + 1) return "the receiver";
  if (slot === positions.second + 1) return "the giver, when they meet";
  if (slot === positions.subject + 1) return "the giver, giving";
  return `“${net.tokenizer.token(net.tokenizer.encode(prompt)[slot]!)}”`;
}

/** The attention of a head over some prompts, word by word. */
export function lookGrid(
  net: LanguageNetwork,
  gifts: readonly GiftPrompt[],
  { head, attention }: Look,
): Section {
  const tokens = gifts.map(({ prompt }) =>
    net.tokenizer.encode(prompt).map((id) => net.tokenizer.token(id)),
  );
  return tokenGrid({
    title: `What ${nameOf(head)} looks at from the last word`,
    rows: gifts.map(({ answer }) => `→ ${answer}`),
    columns: tokens[0]!.map((_, position) => `${position}`),
    cells: tokens.map((row, i) =>
      row.map((token, j) => ({ text: token, value: attention[i]![j]! })),
    ),
    rowTitle: "answer",
    columnTitle: "position in the prompt",
    unit: "attention",
  });
}

/** Where some heads look most. */
export function lookTable(looks: readonly Look[]): Section {
  return table({
    title: "What each looks at most from the last word",
    columns: ["", "looks at", { label: "share of attention", decimals: 2 }],
    rows: looks.map(({ head, word, share }) => [nameOf(head), word, share]),
  });
}
