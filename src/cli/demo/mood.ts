// Chapter 3: a direction from sad to happy, and what happens when the network is pushed along it.

import { Rng } from "../../core/rng.ts";
import type { LanguageNetwork } from "../../network/language.ts";
import { learnDirection } from "../../network/steering/learn.ts";
import { lines, table, text, textPairs } from "../../report/index.ts";
import type { Section } from "../../report/index.ts";
import { moodPairs, moodWords } from "../../worlds/index.ts";
import type { MoodPair } from "../../worlds/index.ts";
import type { Chapter } from "./chapter.ts";
import { largest, percent } from "./chapter.ts";
import type { Dose, DosePoint } from "./dose.ts";
import { measureDose, openBeginnings } from "./dose.ts";
import { wilson } from "./interval.ts";

const strengths = [-6, -5, -4, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 4, 5, 6];
const controlStrengths = [-6, -4, -2, 0, 2, 4, 6];
const shownStrengths = [-6, -2, -1, 1, 2, 6];
const pairCount = 32;
const storyCount = 64;

/** The pairs that the direction is made of; they are also saved beside the report, to be used again. */
export function demoPairs(): MoodPair[] {
  return moodPairs(new Rng(11), pairCount);
}

export const mood: Chapter = {
  slug: "mood",
  title: "3 · Can we turn its mood?",
  run: async (net, say) => {
    const pairs = demoPairs();
    say("building a direction in every layer");
    const { site, direction, effects } = await chooseLayer(net, pairs);
    const stories = openBeginnings(net, 31, storyCount);
    say(`ending ${stories.length} stories at ${strengths.length} strengths`);
    const steering = await measureDose(net, stories, {
      site,
      direction: () => direction,
      strengths,
      seed: 5,
    });
    say("the same along random directions");
    const randoms = stories.map((_, i) => randomDirection(direction, 100 + i));
    const control = await measureDose(net, stories, {
      site,
      direction: (story) => randoms[story]!,
      strengths: controlStrengths,
      seed: 6,
    });
    return {
      sections: [
        introduction(pairs, site, direction.length),
        besideSection(stories, steering),
        chartSection(steering, control),
        countsSection(steering),
      ],
      numbers: {
        site,
        layers: effects,
        pairs: pairs.length,
        stories: stories.length,
        steered: steering.points,
        random: control.points,
      },
    };
  },
};

interface ChosenLayer {
  readonly site: string;
  readonly direction: Float32Array;
  /** What each layer's direction did to the share of happy endings. */
  readonly effects: readonly { readonly site: string; readonly effect: number }[];
}

/** Tries the direction of every layer on stories of their own, gently, and takes the one that moves most endings. */
async function chooseLayer(net: LanguageNetwork, pairs: readonly MoodPair[]): Promise<ChosenLayer> {
  const contrast = {
    positive: pairs.map(({ happy }) => happy),
    negative: pairs.map(({ sad }) => sad),
  };
  const stories = openBeginnings(net, 21, 16);
  const tried = [];
  for (let layer = 0; layer < net.config.nLayers; layer++) {
    const site = `blocks.${layer}.resid_post`;
    const learning = { method: "mean-difference", site, holdOut: 0 } as const;
    const { vector: direction } = await learnDirection(net, contrast, learning);
    const push = { site, direction: () => direction, strengths: [-1, 1], seed: 4 };
    const [down, up] = (await measureDose(net, stories, push)).points;
    tried.push({ site, direction, effect: (up!.happy - down!.happy) / stories.length });
  }
  const { site, direction } = tried[largest(tried.map(({ effect }) => effect))]!;
  return {
    site,
    direction,
    effects: tried.map(({ site: name, effect }) => ({ site: name, effect })),
  };
}

/** A direction of the same length that means nothing. */
function randomDirection(like: Float32Array, seed: number): Float32Array {
  const rng = new Rng(seed);
  const drawn = like.map(() => rng.normal());
  const scale = Math.hypot(...like) / Math.hypot(...drawn);
  return drawn.map((x) => x * scale);
}

function introduction(pairs: readonly MoodPair[], site: string, width: number): Section {
  const shortest = pairs.toSorted((a, b) => a.happy.length - b.happy.length)[0]!;
  return text({
    paragraphs: [
      `Here are ${pairs.length} pairs of beginnings that differ in mood alone, such as “${shortest.happy}” and “${shortest.sad}” Inside the network the two kinds lie apart: the way from the sad mean to the happy mean is a direction, a list of ${width} numbers.`,
      `We add that direction while the network ends other stories, which have no mood yet. Strength 1 is half of the way between the two means; negative strengths go the other way. Of all layers, ${site} turned most endings in a first try on 16 stories, so it is used on ${storyCount} new ones.`,
    ],
  });
}

/** One story at several strengths: the first one that can be told sad, plain and happy. */
function besideSection(stories: readonly string[], { endings }: Dose): Section {
  const at = (strength: number): string => endings[strengths.indexOf(strength)]![0]!.text.trim();
  return textPairs({
    title: `How one story ends: “${stories[0]} …”`,
    columns: { label: "strength", left: "left alone", right: "steered" },
    pairs: shownStrengths.map((strength) => ({
      label: signed(strength),
      left: at(0),
      right: at(strength),
    })),
    highlight: moodWords,
  });
}

function chartSection({ points }: Dose, control: Dose): Section {
  const shares = points.map(({ happy, total }) => wilson(happy, total));
  const at = (strength: number): string => {
    const { share: found, low, high } = shares[strengths.indexOf(strength)]!;
    return `${percent(found)} (95 % interval ${percent(low)} to ${percent(high)})`;
  };
  const share = (of: (point: DosePoint) => number, dose: readonly DosePoint[]): number[] =>
    dose.map((point) => of(point) / point.total);
  return lines({
    title: "Happy endings by strength",
    x: { label: "strength" },
    y: { label: "share of stories" },
    series: [
      {
        label: "happy",
        x: strengths,
        y: shares.map((interval) => interval.share),
        low: shares.map(({ low }) => low),
        high: shares.map(({ high }) => high),
      },
      {
        label: "happy, random directions",
        x: controlStrengths,
        y: share(({ happy }) => happy, control.points),
      },
    ],
    note: `Happy endings go from ${at(-6)} at strength -6 over ${at(0)} at 0 to ${at(6)} at 6, of ${points[0]!.total} stories each. The control pushes every story along a random direction of its own, of the same length.`,
  });
}

function countsSection({ points }: Dose): Section {
  return table({
    title: "What it costs",
    columns: [
      "strength",
      "happy",
      "sad",
      "both",
      "neither",
      { label: "surprise", unit: "nats a word", decimals: 2 },
    ],
    rows: points.map(({ strength, happy, sad, mixed, none, surpriseNats }) => [
      signed(strength),
      happy,
      sad,
      mixed,
      none,
      surpriseNats,
    ]),
    note: "Surprise is how odd the words look to the network when it is left alone. Where it climbs, pushing harder no longer turns the mood: it breaks the text.",
  });
}

function signed(strength: number): string {
  return strength > 0 ? `+${strength}` : `${strength}`;
}
