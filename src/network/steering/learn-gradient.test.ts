import { expect, test } from "vitest";

import { plantedNetwork } from "../../../test/planted-direction.ts";
import { tinyNetwork } from "../../../test/tiny.ts";
import { Rng } from "../../core/rng.ts";
import { gradients, tensor } from "../../runtime/index.ts";
import { cosine, normOf } from "../../values/index.ts";
import { contrastRows } from "./contrast.ts";
import { pairLoss, preferenceLoss, trainDirection } from "./learn-gradient.ts";
import { textBatch, textLikelihoods } from "./learn-likelihood.ts";

const words = Array.from({ length: 19 }, (_, i) => `w${i}`);
const site = "blocks.0.resid_post";

test("the gradient of the objective equals central differences in every coordinate", async () => {
  const net = await tinyNetwork("gpt2", { words });
  const { positive, negative } = contrastRows("test", net, {
    pairs: [
      { prompt: "w1 w2", positive: " w3", negative: " w4 w5" },
      { prompt: "w6 w7 w8", positive: " w9 w10", negative: " w11" },
    ],
  });
  const rows = [...positive, ...negative];
  const batch = {
    texts: textBatch(rows, 8),
    reference: tensor(await textLikelihoods(net, rows)),
  };
  const at = (numbers: Float32Array) =>
    preferenceLoss(net, tensor(numbers), batch, { site, beta: 1 });
  const point = new Rng(2).normals(16).map((x) => 0.5 * x);
  const vector = tensor(point);
  const [slope] = gradients(preferenceLoss(net, vector, batch, { site, beta: 1 }), [vector]);
  const slopes = await slope!.numbers();
  expect(normOf(slopes)).toBeGreaterThan(0.05);
  const step = 1e-2;
  for (const [i, analytic] of slopes.entries()) {
    const [up, down] = [step, -step].map((h) => point.with(i, point[i]! + h));
    const central = ((await at(up!).item()) - (await at(down!).item())) / (2 * step);
    // losses of order 1 in float32: rounding of 1e-7 over a step of 2e-2, and the step's own error of order 1e-4
    expect(Math.abs(central - analytic)).toBeLessThan(1e-3);
  }
});

test("no direction costs ln 2, and the loss of all pairs is the mean of the loss of each", async () => {
  const net = await tinyNetwork("gpt2", { words });
  const rows = contrastRows("test", net, {
    positive: words.slice(0, 9).map((word) => `w2 ${word}`),
    negative: words.slice(9, 18).map((word) => `w2 ${word} w1`),
  });
  const none = new Float32Array(16);
  expect(await pairLoss(net, rows, { site, vector: none })).toBeCloseTo(Math.LN2, 6);
  const vector = new Rng(4).normals(16);
  const each = await Promise.all(
    rows.positive.map((positive, i) =>
      pairLoss(
        net,
        { positive: [positive], negative: [rows.negative[i]!] },
        { site, vector, beta: 1 },
      ),
    ),
  );
  const mean = each.reduce((sum, x) => sum + x, 0) / each.length;
  expect(await pairLoss(net, rows, { site, vector, beta: 1 })).toBeCloseTo(mean, 4);
});

test.each([1, 2, 3])(
  "training finds the direction that decides what is said, not the one that words lie along (seed %i)",
  async (seed) => {
    const { net, act, read, texts } = plantedNetwork(seed);
    const prompts = [...texts.positive.slice(0, 6), ...texts.negative.slice(0, 6)];
    const rows = contrastRows("test", net, {
      pairs: prompts.map((prompt) => ({ prompt, positive: " good", negative: " bad" })),
    });
    const options = { site, maxNorm: 2, steps: 100, seed };
    const vector = await trainDirection("test", net, rows, options);
    expect(cosine(vector, act)).toBeGreaterThan(0.99);
    expect(Math.abs(cosine(vector, read))).toBeLessThan(0.1);
    expect(normOf(vector)).toBeLessThan(2 + 1e-5);
    expect(normOf(vector)).toBeGreaterThan(1.9);
    const [before, after] = [
      await pairLoss(net, rows, { site, vector: new Float32Array(vector.length) }),
      await pairLoss(net, rows, { site, vector }),
    ];
    // the loss of a vector of this length along the true direction, on which all pairs agree: gains of 2 act · v
    const best = Math.log1p(Math.exp(-0.1 * 2 * 2 * normOf(act)));
    expect(after).toBeLessThan(before - 0.9 * (before - best));
    expect(after).toBeGreaterThan(best - 1e-4);
  },
);

test("a seed gives the same bits again, another seed others", async () => {
  const net = await tinyNetwork("gpt2", { words });
  const rows = contrastRows("test", net, {
    positive: words.slice(0, 9).map((word) => `w2 ${word}`),
    negative: words.slice(9, 18).map((word) => `w2 ${word}`),
  });
  const options = { site, maxNorm: 1, steps: 5, batch: 3 };
  const train = (seed: number) => trainDirection("test", net, rows, { ...options, seed });
  const first = await train(1);
  expect(await train(1)).toEqual(first);
  expect(await train(2)).not.toEqual(first);
});

test("options out of range are refused", async () => {
  const net = await tinyNetwork("gpt2", { words });
  const rows = contrastRows("test", net, { positive: ["w1"], negative: ["w2"] });
  const train = (options: object) =>
    trainDirection("learnDirection", net, rows, { site, maxNorm: 1, seed: 0, ...options });
  await expect(train({ steps: 1.5 })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: learnDirection: steps is 1.5, not a whole number from 1.]`,
  );
  await expect(train({ beta: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: learnDirection: beta is 0, not a number above 0.]`,
  );
  const signal = AbortSignal.abort();
  await expect(train({ signal })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: train: stopped before step 0.]`,
  );
});
