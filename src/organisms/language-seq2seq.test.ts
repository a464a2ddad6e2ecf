import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import type { Seq2SeqNetwork } from "../network/seq2seq.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { languageSample, languageSkills } from "../worlds/index.ts";
import {
  beforeAnswer,
  drawPairs,
  fits,
  holes,
  idsOf,
  seq2seqIds,
  SOURCE,
  TARGET,
  withHoles,
} from "./language-seq2seq-pairs.ts";
import { languageSeq2Seq } from "./language-seq2seq.ts";
import { languageConfigIds, languageIds } from "./language-text.ts";
import { trainOrganism } from "./train.ts";

test("what fills its holes makes a text whole again", () => {
  const rng = new Rng(1);
  let filled = 0;
  for (let i = 0; i < 200; i++) {
    const sample = languageSample(rng);
    const { source, target } = withHoles(sample);
    const answers = new Map<string, string[]>();
    for (const word of target) {
      if (holes.includes(word)) answers.set(word, []);
      else [...answers.values()].at(-1)!.push(word);
    }
    const whole = source.flatMap((word) => answers.get(word) ?? [word]);
    expect(whole).toEqual(sample.words.slice(0, whole.length));
    expect([...answers.keys()]).toEqual(source.filter((word) => holes.includes(word)));
    expect([source.length <= SOURCE, target.length <= TARGET]).toEqual([true, true]);
    filled += answers.size;
  }
  expect(filled).toBeGreaterThan(200);
});

test("words of the language world keep their numbers, and holes have others", () => {
  for (const [word, id] of languageIds) expect([word, seq2seqIds.get(word)]).toEqual([word, id]);
  expect(new Set(idsOf(holes)).size).toBe(holes.length);
  expect(Math.min(...idsOf(holes))).toBe(languageIds.size);
});

test("a batch holds sources that end, and targets of which every word and the end count", async () => {
  const { source, target, weights, sourceMask } = drawPairs(new Rng(2), 8, [{ skill: "recall" }]);
  const { pad_token_id: pad, eos_token_id: eos } = languageConfigIds;
  const [read, written, counts, masks] = await Promise.all(
    [source, target, weights, sourceMask].map((x) => x.numbers()),
  );
  const width = TARGET + 2;
  for (let row = 0; row < 8; row++) {
    const words = read!.slice(row * (SOURCE + 1), (row + 1) * (SOURCE + 1));
    const hidden = masks!.slice(row * (SOURCE + 1), (row + 1) * (SOURCE + 1));
    const end = words.indexOf(eos);
    expect([...hidden].map((x) => x === 0)).toEqual([...words].map((_, i) => i <= end));
    const wanted = written!.slice(row * width, (row + 1) * width);
    expect(wanted[0]).toBe(pad);
    const last = wanted.indexOf(eos);
    expect(Array.from(counts!.slice(row * width, (row + 1) * width))).toEqual(
      Array.from({ length: width }, (_, i) => (i > 0 && i <= last ? 1 : 0)),
    );
  }
});

test("every skill that is measured has answers that fit", () => {
  const rng = new Rng(3);
  const unfit = languageSkills
    .map(({ name }) => name)
    .filter((skill) => {
      for (let tries = 0; tries < 50; tries++) {
        const sample = languageSample(rng, { skill });
        if (sample.answers.some((answer) => fits(beforeAnswer(sample, answer)))) return false;
      }
      return true;
    });
  expect(unfit).toEqual([]);
});

test("before training a head of the encoder looks at the word before, and one at the word after", async () => {
  const net = (await trainOrganism(languageSeq2Seq, { steps: 0 })).network();
  const { encoder } = net.params as { encoder: { distance: Tensor } };
  const biases = Array.from(await encoder.distance.numbers());
  const ofHead = (head: number): number[] => biases.filter((_, i) => i % 4 === head);
  const highest = (values: number[]): number => values.indexOf(Math.max(...values));
  // the buckets of one place back, and of one ahead: those ahead come behind the 16 that look back
  expect([highest(ofHead(0)), highest(ofHead(1))]).toEqual([1, 17]);
  expect(new Set([...ofHead(2), ...ofHead(3)])).toEqual(new Set([0]));
});

test("before training the other heads look for their own word, wherever it stands", async () => {
  const net = (await trainOrganism(languageSeq2Seq, { steps: 0 })).network() as Seq2SeqNetwork;
  const site = "encoder.blocks.0.attn.pattern";
  const { activations } = await net.run("dog red , cat blue . cat", { capture: site });
  const looks = await activations[site]!.slice({ axis: 2, start: 6, end: 7 }).numbers();
  const words = looks.length / 4;
  for (const head of [2, 3]) {
    const [first, again] = [3, 6].map((at) => looks[head * words + at]!);
    expect(first! + again!).toBeGreaterThan(0.8);
    expect(first!).toBeCloseTo(again!, 4);
  }
});
