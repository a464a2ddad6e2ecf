import { expect, test } from "vitest";

import { makeTokenizer } from "../checkpoints/tokenizer/tokenizer.ts";
import { memoryFiles } from "../core/files.ts";
import { Rng } from "../core/rng.ts";
import { leaves } from "../core/tree.ts";
import type { VisionLanguageNetwork } from "../network/vision-language.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  answerTo,
  captionSample,
  multipleSample,
  questionKinds,
  shapesVocabulary,
} from "../worlds/index.ts";
import { languageIds } from "./language-text.ts";
import type { Organism } from "./organism.ts";
import { trainOrganism } from "./train.ts";
import { askAbout } from "./vision-language-questions.ts";
import { POS, seenRows } from "./vision-language-rows.ts";
import { isTrueCaption } from "./vision-language-skills.ts";
import { IMAGE, seeingIds, seeingTokenizer } from "./vision-language-text.ts";
import { inputsOf, readParams, visionLanguage } from "./vision-language.ts";

/** The organism with one narrow layer on either side, to be trained from nothing on one batch over and over. */
function small(): Organism<VisionLanguageNetwork> {
  const { config, recipe } = visionLanguage;
  const batch = seenRows(new Rng(1), 2);
  const sizes = {
    num_hidden_layers: 1,
    num_attention_heads: 2,
    hidden_size: 16,
    intermediate_size: 32,
  };
  return {
    ...visionLanguage,
    config: {
      ...config,
      vision_config: { ...(config["vision_config"] as object), num_hidden_layers: 1 },
      text_config: { ...(config["text_config"] as object), ...sizes, num_key_value_heads: 2 },
    },
    recipe: {
      ...recipe,
      initial: undefined,
      rateScale: undefined,
      warmupSteps: 1,
      learningRate: 0.01,
      batch: () => batch,
    },
  };
}

test("it learns two rows by heart", async () => {
  const training = await trainOrganism(small(), { steps: 20 });
  const losses: number[] = [];
  for await (const { loss } of training) losses.push(loss);
  expect(losses.at(-1)!).toBeLessThan(0.6 * losses[0]!);
});

test("what has a rate of 0 stays as it began, and the rest learns", async () => {
  const own = small();
  const rateScale = (path: string): number => (path.startsWith("text.") ? 0 : 1);
  const training = await trainOrganism(
    { ...own, recipe: { ...own.recipe, rateScale } },
    { steps: 2 },
  );
  const values = async (): Promise<Map<string, number[]>> => {
    const found = new Map<string, number[]>();
    for (const [path, x] of leaves<Tensor>(training.network().params))
      if (path === "text.embed" || path === "projector.in.weight")
        found.set(path, Array.from(await x.numbers()));
    return found;
  };
  const before = await values();
  for await (const _ of training);
  const after = await values();
  expect(after.get("text.embed")).toEqual(before.get("text.embed"));
  expect(after.get("projector.in.weight")).not.toEqual(before.get("projector.in.weight"));
});

test("a text in a row is read as if it stood alone behind the picture", async () => {
  const net = (await trainOrganism(small(), { steps: 0 })).network() as VisionLanguageNetwork;
  const { pixels, said } = seenRows(new Rng(2), 1);
  const packed = net.applyTap({ pixels, ...inputsOf(said!) }, {}).get("logits")!;
  const [segments, tokens] = [await said!.segments.numbers(), await said!.tokens.numbers()];
  const start = segments.indexOf(3);
  const end = segments.lastIndexOf(3) + 1;
  const alone = net.trace({
    prompt: [[...tokens.slice(0, 2), ...tokens.slice(start, end)]],
    images: pixels,
  }).logits;
  const size = seeingIds.size;
  const [a, b] = [await packed.numbers(), await alone.numbers()];
  let furthest = 0;
  for (let i = 0; i < (end - start) * size; i++)
    furthest = Math.max(furthest, Math.abs(a[start * size + i]! - b[65 * size + i]!));
  expect(furthest).toBeLessThan(1e-4);
});

test("a row is a picture, a caption and questions, of which only captions, answers and ends are predicted", async () => {
  const { tokens, weights, segments } = seenRows(new Rng(3), 1).said!;
  const words = [...seeingIds.keys()];
  const [ids, counts, texts] = [
    [...(await tokens.numbers())],
    await weights.numbers(),
    await segments.numbers(),
  ];
  expect(ids).toHaveLength(POS);
  const text = (segment: number, from = 0): string =>
    ids
      .filter((_, i) => texts[i] === segment && counts[i]! >= from)
      .map((id) => words[id])
      .join(" ");
  expect([text(0).split(" ").length, text(0, 1)]).toEqual([65, ""]);
  expect([1, 2, 3].map((segment) => [text(segment), text(segment, 1)])).toMatchInlineSnapshot(`
    [
      [
        "a green circle right of a blue circle <eos>",
        "a green circle right of a blue circle <eos>",
      ],
      [
        "is the white circle right of the small black thing ? yes <eos>",
        "yes <eos>",
      ],
      [
        "what texture is the blue thing ? plain <eos>",
        "plain <eos>",
      ],
    ]
  `);
});

test("patches know the ground from objects", async () => {
  const { values, isObject } = seenRows(new Rng(4), 4).patches;
  const shown = Array.from(await isObject.numbers());
  const share = shown.reduce((sum, one) => sum + one, 0) / shown.length;
  expect(share).toBeGreaterThan(0.05);
  expect(share).toBeLessThan(0.6);
  const sizes = Array.from(await values.size.numbers());
  expect(new Set(sizes.filter((_, i) => shown[i] === 1))).toEqual(new Set([0, 1]));
  expect(sizes.filter((_, i) => shown[i] === 0).every((size) => size === 0)).toBe(true);
});

test("lessons are pictures alone, or questions of a kind about pictures of so many objects", async () => {
  expect(seenRows(new Rng(5), 2, { asked: [] }).said).toBeUndefined();
  const { said } = seenRows(new Rng(5), 4, { asked: ["exists"], count: 2 });
  const words = [...seeingIds.keys()];
  const tokens = Array.from(await said!.tokens.numbers(), (id) => words[id]);
  expect(tokens.filter((word) => word === "?").length).toBeGreaterThan(8);
  expect(
    tokens.filter((word, i) => tokens[i - 1] === "?" && !["yes", "no"].includes(word!)),
  ).toEqual([]);
});

test("every question that is asked about a scene has the answer that the world gives", () => {
  const rng = new Rng(5);
  const answers = new Map<string, number>();
  for (let i = 0; i < 100; i++) {
    const { scene } = multipleSample(rng, { size: 16 });
    const asked = askAbout(rng, scene, questionKinds[i % questionKinds.length]!);
    expect(asked.words.at(-1)).toBe("?");
    expect(asked.answer).toEqual(answerTo(asked.question, scene));
    const answer = asked.answer.join(" ");
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
  }
  const [yes, no] = ["yes", "no"].map((answer) => answers.get(answer)!);
  expect(yes! / (yes! + no!)).toBeGreaterThan(0.3);
  expect(yes! / (yes! + no!)).toBeLessThan(0.7);
});

test("a caption of the world is true of its scene and not of its counterfactual's", () => {
  const rng = new Rng(6);
  for (let i = 0; i < 60; i++) {
    const { text, scene, counterfactual } = captionSample(rng, { size: 16 });
    expect([text, isTrueCaption(text, scene), isTrueCaption(text, counterfactual.scene)]).toEqual([
      text,
      true,
      false,
    ]);
  }
});

test("words that are no caption are not true", () => {
  const { scene, text } = captionSample(new Rng(7), { size: 16, kind: "relation" });
  const wrong = ["", "a", "yes", `${text} a`, text.replace(/^a /, ""), `${text} and ${text}`];
  expect(wrong.map((words) => isTrueCaption(words, scene))).toEqual(wrong.map(() => false));
});

test("words of the language world keep their numbers, and all words of shapes have one", () => {
  for (const [word, id] of languageIds) expect([word, seeingIds.get(word)]).toEqual([word, id]);
  expect(shapesVocabulary.filter((word) => !seeingIds.has(word))).toEqual([]);
  expect(new Set(seeingIds.values()).size).toBe(seeingIds.size);
});

test("the place of a picture is a token wherever it stands", () => {
  const tokenizer = makeTokenizer("test", seeingTokenizer.json, seeingTokenizer.config);
  const image = seeingIds.get(IMAGE)!;
  const ids = tokenizer.encode(`${IMAGE}${IMAGE} what colour is the star?`);
  expect(ids.slice(1, 3)).toEqual([image, image]);
  expect(ids).toHaveLength(9);
});

test("without the organisms that it begins as, training it says what to do first", async () => {
  await expect(readParams("language", memoryFiles())).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: vision-language: it begins with the weights of organism:language, which has none yet.
      fix: train organism:language first: \`patchclamp organisms train language\`.]
  `);
});
