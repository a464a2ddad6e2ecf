// Chapter 1: what the network expects next, and in which layer it makes up its mind.

import { Rng } from "../../core/rng.ts";
import { bars, text } from "../../report/index.ts";
import { giftPrompts } from "../../worlds/index.ts";
import { lensGrid, lensSection } from "../lens-section.ts";
import { readPrompt } from "../prompt.ts";
import type { Chapter } from "./chapter.ts";
import { percent } from "./chapter.ts";

/** Seed of the prompts of the first two chapters; nothing else depends on it. */
export const giftSeed = 3;

/** The end of the prompt, where it is decided; as many words as fit side by side. */
const shownPositions = 9;

export const predict: Chapter = {
  slug: "predict",
  title: "1 · What comes next?",
  run: async (net) => {
    const [gift] = giftPrompts(new Rng(giftSeed), 1, { isPlain: true });
    const { prompt, answer, distractor } = gift!;
    const { ids, tokens } = readPrompt(net, prompt);
    const grid = await lensGrid(net, ids);
    const said = grid.layers.map(({ cells }) => cells.at(-1)!);
    const decided = said.findLastIndex(({ token }) => token !== answer) + 1;
    const [first] = grid.next;

    const verdict =
      first!.token === answer
        ? `The network says ${answer}, the one who receives, with probability ${percent(first!.probability)}; ${distractor}, who gives, would make no sense.`
        : `The right word is ${answer}, but the network says ${first!.token}.`;
    const mind =
      decided < said.length
        ? `At the last word it settles on ${answer} in ${decided === said.length - 1 ? "the last layer" : grid.layers[decided]!.label}.`
        : `No layer settles on ${answer}.`;
    return {
      sections: [
        text({
          paragraphs: [
            `A language network reads a text and says which word comes next. Here it reads a gift: “${prompt} …”`,
            verdict,
          ],
        }),
        bars({
          title: "The likeliest next words",
          value: { label: "probability" },
          bars: grid.next.map(({ token, probability }) => ({ label: token, value: probability })),
        }),
        lensSection(tokens, grid, {
          title: "Where each layer makes up its mind",
          from: Math.max(0, tokens.length - shownPositions),
          note: `The network's last step turns numbers into words; applied early, it shows what each layer would say (the logit lens). ${mind}`,
        }),
      ],
      numbers: {
        prompt,
        answer,
        next: grid.next,
        settledIn: grid.layers[decided]?.site ?? null,
        lastPosition: said.map(({ token, probability }, i) => ({
          site: grid.layers[i]!.site,
          token,
          probability,
        })),
      },
    };
  },
};
