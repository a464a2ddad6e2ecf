// Learn a direction from pairs of texts, measure what it does at which strength, keep it as a file, and steer with it.

import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { learnSteering, loadNetwork, matches, Rng } from "patchclamp";
import { describeSet, writeInterventions } from "patchclamp/values";
import { moodPairs, moodPrompts, moodWords, neutralPrompts } from "patchclamp/worlds";

const net = await loadNetwork("organism:stories");
const pairs = moodPairs(new Rng(1), 24); // beginnings of stories, each once happy and once sad
const sadStories = moodPrompts(new Rng(2), 24).flatMap(({ prompt, mood }) =>
  mood === "sad" ? [prompt] : [],
);

const { set, site, strength, isUsable } = await learnSteering(net, {
  contrast: {
    positive: pairs.map(({ happy }) => happy),
    negative: pairs.map(({ sad }) => sad),
  },
  effect: matches({ prompts: sadStories, words: moodWords.happy }),
  neutral: neutralPrompts(new Rng(3), 8),
  sites: "blocks.{1,2}.resid_post",
  strengths: [1, 2, 4],
  tries: 1,
});
console.log(`${site}, ${strength} times half the distance; usable: ${isUsable}`);
console.log(describeSet(set));

const file = join(tmpdir(), "happy.safetensors");
await writeFile(file, writeInterventions(set));
for (const dose of [0, 1]) {
  console.log(dose, await net.complete(sadStories[0]!, { interventions: [set], strength: dose }));
}
