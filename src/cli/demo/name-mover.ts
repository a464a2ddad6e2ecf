// Chapter 2: which head moves the name, and which one tells it the right name. Both are found in the same way: values of
// one run are copied, one head at a time, into the run of a twin prompt whose right answer differs.

import { Rng } from "../../core/rng.ts";
import type { LanguageNetwork } from "../../network/language.ts";
import { everyLayerAndPosition } from "../../network/sweep.ts";
import { claims, heatmap, table, text, tokenGrid } from "../../report/index.ts";
import type { Section } from "../../report/index.ts";
import { giftPrompts, names } from "../../worlds/index.ts";
import type { GiftPrompt } from "../../worlds/index.ts";
import type { Chapter } from "./chapter.ts";
import { meanOf } from "./chapter.ts";
import {
  attentionFromEnd,
  isSameHead,
  nameOf,
  preference,
  preferenceWithout,
  restored,
  searchHeads,
} from "./heads.ts";
import type { Head, HeadSearch, Twins } from "./heads.ts";
import { giftSeed } from "./predict.ts";

const promptCount = 16;

/** The twin in which somebody else receives: another name stands where the receiver is named. */
function otherReceiver(gift: GiftPrompt, i: number): Twins {
  const free = names.filter((name) => name !== gift.answer && name !== gift.distractor);
  const twinAnswer = free[i % free.length]!;
  return { gift, twin: gift.prompt.replace(gift.answer, twinAnswer), twinAnswer };
}

/** The twin in which the other person gives: both names are there, and the other one is right. */
function otherGiver(gift: GiftPrompt): Twins {
  return { gift, twin: gift.counterfactual, twinAnswer: gift.distractor };
}

export const nameMover: Chapter = {
  slug: "nameMover",
  title: "2 · Which part moves the name?",
  run: async (net, say) => {
    const gifts = giftPrompts(new Rng(giftSeed), promptCount, { isPlain: true });
    const receivers = gifts.map(otherReceiver);
    const givers = gifts.map(otherGiver);
    say("patching every head");
    const mover = await searchHeads(net, receivers);
    const chooser = await searchHeads(net, givers);
    say("patching every position");
    const travel = await travelSection(net, givers[0]!);
    const prompts = gifts.map(({ prompt }) => prompt);
    const moverLook = rolesOf(gifts, await attentionFromEnd(net, prompts, mover.best));
    const chooserLook = rolesOf(gifts, await attentionFromEnd(net, prompts, chooser.best));
    const nats = {
      whole: await preferenceWithout(net, givers),
      silenced: await preferenceWithout(net, givers, mover.best),
    };
    return {
      sections: [
        moverText(receivers[0]!),
        headGrid("Which head brings the name to the last word", mover, gifts.length),
        await lookSection(net, gifts.slice(0, 4), mover.best),
        chooserText(givers[0]!),
        headGrid("Which head decides between the two names", chooser, gifts.length),
        travel,
        lookTable([
          [mover.best, moverLook],
          ...(isSameHead(mover.best, chooser.best) ? [] : [[chooser.best, chooserLook] as const]),
        ]),
        verdict({ mover, chooser, moverLook, nats }),
      ],
      numbers: {
        prompts: gifts.length,
        mover: { ...mover, looksAt: moverLook },
        chooser: { ...chooser, looksAt: chooserLook },
        preferenceNats: nats,
      },
    };
  },
};

function moverText({ gift, twin, twinAnswer }: Twins): Section {
  return text({
    paragraphs: [
      `The answer ${gift.answer} stands many words back. Some part must carry it to the last word. To find that part we run a twin of the prompt with another name: “${twin} …” → ${twinAnswer}.`,
      `Then we copy one small part at a time, here the output of one attention head at the last word, from the first run into the twin. If the twin then says ${gift.answer}, that head carries the name. All these runs are one batch.`,
    ],
  });
}

function chooserText({ gift, twin, twinAnswer }: Twins): Section {
  return text({
    paragraphs: [
      `But there are two names. How does the network know which one? Now the twin has the same two people, and the other one gives: “${twin} …” → ${twinAnswer}, not ${gift.answer}.`,
    ],
  });
}

function headGrid(
  title: string,
  { grid, best, restored: share }: HeadSearch,
  count: number,
): Section {
  return heatmap({
    title,
    rows: grid.map((_, layer) => `${layer}`),
    columns: grid[0]!.map((_, head) => `${head}`),
    values: grid,
    domain: [-1, 1],
    scale: "diverging",
    rowTitle: "layer",
    columnTitle: "head",
    unit: "share restored",
    note: `0: the twin keeps its answer; 1: it gives the first run's. Mean of ${count} prompts. The strongest is ${nameOf(best)}, which restores ${share.toFixed(2)} by itself.`,
  });
}

async function travelSection(net: LanguageNetwork, pair: Twins): Promise<Section> {
  const found = await net.sweep({
    clean: pair.gift.prompt,
    corrupt: pair.twin,
    cells: everyLayerAndPosition("resid_pre"),
    metric: preference(net, pair),
  });
  return heatmap({
    title: "Where the decision is, layer by layer",
    rows: found.rows,
    columns: found.columns,
    values: restored(found),
    domain: [-1, 1],
    scale: "diverging",
    rowTitle: "before layer",
    unit: "share restored",
    note: "The same with everything at one word, in one prompt: the decision starts where the giver is named again and ends at the last word.",
  });
}

async function lookSection(
  net: LanguageNetwork,
  gifts: readonly GiftPrompt[],
  head: Head,
): Promise<Section> {
  const attention = await attentionFromEnd(
    net,
    gifts.map(({ prompt }) => prompt),
    head,
  );
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

/** Share of attention by role, mean over prompts. */
interface Roles {
  readonly receiver: number;
  readonly giverBefore: number;
  readonly giverGiving: number;
  readonly others: number;
}

function rolesOf(gifts: readonly GiftPrompt[], attention: readonly (readonly number[])[]): Roles {
  const mean = (of: (gift: GiftPrompt, row: readonly number[]) => number): number =>
    meanOf(gifts.map((gift, i) => of(gift, attention[i]!)));
  // positions count words, and <bos> stands before the first
  const receiver = mean(
    ({ order, positions }, row) =>
      row[1 + (order === "ABBA" ? positions.first : positions.second)]!,
  );
  const giverBefore = mean(
    ({ order, positions }, row) =>
      row[1 + (order === "ABBA" ? positions.second : positions.first)]!,
  );
  const giverGiving = mean(({ positions }, row) => row[1 + positions.subject]!);
  return { receiver, giverBefore, giverGiving, others: 1 - receiver - giverBefore - giverGiving };
}

function lookTable(looks: readonly (readonly [Head, Roles])[]): Section {
  const columns = ["receiver", "giver, at first", "giver, giving", "other words"];
  return table({
    title: "Whom the two look at",
    columns: ["", ...columns.map((label) => ({ label, decimals: 2 }))],
    rows: looks.map(([head, { receiver, giverBefore, giverGiving, others }]) => [
      nameOf(head),
      receiver,
      giverBefore,
      giverGiving,
      others,
    ]),
    note: "Shares of attention from the last word, mean over the prompts.",
  });
}

interface Evidence {
  readonly mover: HeadSearch;
  readonly chooser: HeadSearch;
  readonly moverLook: Roles;
  readonly nats: { readonly whole: number; readonly silenced: number };
}

function verdict({ mover, chooser, moverLook, nats }: Evidence): Section {
  const { receiver, giverBefore, giverGiving } = moverLook;
  const [name, chooserName] = [nameOf(mover.best), nameOf(chooser.best)];
  return claims({
    title: "Is it so?",
    claims: [
      {
        sentence: `${capital(name)} looks at the name it moves: at the receiver more than at the giver.`,
        holds: receiver > Math.max(giverBefore, giverGiving),
        numbers: { receiver, "giver, at first": giverBefore, "giver, giving": giverGiving },
      },
      {
        sentence: `Without ${name} the network prefers the right name less.`,
        holds: nats.silenced < nats.whole,
        numbers: { "nats with it": nats.whole, "nats without it": nats.silenced },
      },
      {
        sentence: `Patching ${chooserName} alone turns the answer around in most prompts.`,
        holds: chooser.flips > 0.5,
        numbers: { "share turned": chooser.flips },
      },
    ],
  });
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
