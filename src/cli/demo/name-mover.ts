// Chapter 2: which head moves the name, and which one tells it the right name. Both are found in the same way: values of
// one run are copied, one head at a time, into the run of a twin prompt whose right answer differs.

import { Rng } from "../../core/rng.ts";
import { claims, heatmap, text } from "../../report/index.ts";
import type { Section } from "../../report/index.ts";
import { giftPrompts, names } from "../../worlds/index.ts";
import type { GiftPrompt } from "../../worlds/index.ts";
import type { Chapter } from "./chapter.ts";
import { largest } from "./chapter.ts";
import { isSameHead, nameOf, preferenceWithout, searchHeads, travel } from "./heads.ts";
import type { HeadSearch, Travel, Twins } from "./heads.ts";
import { lookGrid, looksFrom, lookTable } from "./looks.ts";
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
    say("patching every head");
    const mover = await searchHeads(net, receivers);
    const chooser = await searchHeads(net, gifts.map(otherGiver));
    say("patching every word in every layer");
    // one order of names, so that every word stands at one position
    const way = await travel(
      net,
      receivers.filter(({ gift }) => gift.order === "ABBA"),
    );
    const moverLook = await looksFrom(net, gifts, mover.best);
    const chooserLook = await looksFrom(net, gifts, chooser.best);
    say("silencing a head");
    const nats = {
      whole: await preferenceWithout(net, receivers),
      silenced: await preferenceWithout(net, receivers, mover.best),
    };
    const isOne = isSameHead(mover.best, chooser.best);
    return {
      sections: [
        moverText(receivers[0]!),
        headGrid("Which head brings the name to the last word", mover, gifts.length),
        travelGrid(way),
        lookGrid(net, gifts.slice(0, 4), moverLook),
        chooserText(gifts[0]!),
        headGrid("Which head decides between the two names", chooser, gifts.length),
        lookTable(isOne ? [moverLook] : [moverLook, chooserLook]),
        verdict({ mover, chooser, way, lookedAt: moverLook.position, nats }),
      ],
      numbers: {
        prompts: gifts.length,
        mover: { ...mover, looksAt: moverLook.word, attention: moverLook.share },
        chooser: { ...chooser, looksAt: chooserLook.word, attention: chooserLook.share },
        travel: way,
        preferenceNats: nats,
      },
    };
  },
};

function moverText({ gift, twin, twinAnswer }: Twins): Section {
  return text({
    paragraphs: [
      `The answer ${gift.answer} stands many words back, so some part must carry it to the last word. To find that part we run a twin of the prompt with another name: “${twin} …” → ${twinAnswer}.`,
      `Then we copy one small part at a time, here the output of one attention head at the last word, from the first run into the twin. If the twin then says ${gift.answer}, that head carries the name. All these runs are one batch.`,
    ],
  });
}

function chooserText({ answer, distractor, counterfactual }: GiftPrompt): Section {
  return text({
    paragraphs: [
      `But there are two names. How does the network know which one? Now the twin has the same two people, and the other one gives: “${counterfactual} …” → ${distractor}, not ${answer}.`,
    ],
  });
}

function headGrid(title: string, { grid, best, restored }: HeadSearch, count: number): Section {
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
    note: `0: the twin keeps its answer; 1: it gives the first run's. Mean of ${count} prompts. The strongest is ${nameOf(best)}, which restores ${restored.toFixed(2)} by itself.`,
  });
}

function travelGrid({ words, grid }: Travel): Section {
  return heatmap({
    title: "Where the name is, layer by layer",
    rows: grid.map((_, layer) => `${layer}`),
    columns: words,
    values: grid,
    domain: [-1, 1],
    scale: "diverging",
    rowTitle: "before layer",
    unit: "share restored",
    note: "The same, copying everything at one word: at the bottom of the network the name is where it was read, at the top it has come to the last word, and it may rest on words between.",
  });
}

interface Evidence {
  readonly mover: HeadSearch;
  readonly chooser: HeadSearch;
  readonly way: Travel;
  /** The position that the mover looks at. */
  readonly lookedAt: number;
  readonly nats: { readonly whole: number; readonly silenced: number };
}

function verdict({ mover, chooser, way, lookedAt, nats }: Evidence): Section {
  const { layer } = mover.best;
  const carried = way.grid[layer]!.slice(0, -1); // at the last word the name has arrived
  const [name, chooserName] = [nameOf(mover.best), nameOf(chooser.best)];
  return claims({
    title: "Is it so?",
    claims: [
      {
        sentence: `From the last word, ${name} looks where the name is: at “${way.words[lookedAt]!}”, which carries more of it than any other word before layer ${layer}.`,
        holds: largest(carried) === lookedAt,
        numbers: { "restored by that word": carried[lookedAt] ?? null },
      },
      {
        sentence: `Without ${name} the right name loses ground to names that are not in the text.`,
        holds: nats.silenced < nats.whole,
        numbers: { "lead in nats": nats.whole, "without the head": nats.silenced },
      },
      {
        sentence: `Copying ${chooserName} alone turns the answer around in most prompts.`,
        holds: chooser.flips > 0.5,
        numbers: { "share turned": chooser.flips },
      },
    ],
  });
}
