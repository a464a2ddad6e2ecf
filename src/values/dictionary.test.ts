import { describe, expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import { loadNetwork } from "../organisms/load-network.ts";
import { tensor } from "../runtime/index.ts";
import { maxDifference } from "../../test/tiny.ts";
import type { Dictionary, DictionaryInput } from "./dictionary.ts";
import { decodeDictionary, dictionary, encodeDictionary, featureDirection } from "./dictionary.ts";
import { featureIntervention } from "./dictionary-feature.ts";
import type { FeatureOptions } from "./dictionary-feature.ts";
import type { InterventionInput } from "./intervention.ts";
import { editOf, planRows } from "./plan.ts";

const FEATURES = 5;
const WIDTH = 6;
const POS = 4;
const site = "blocks.0.resid_post";
const rng = new Rng(4);
const values = rng.normals(POS * WIDTH);
const matrix = (rows: number, columns: number): { shape: number[]; data: Float32Array } => ({
  shape: [rows, columns],
  data: rng.normals(rows * columns),
});
const parts = {
  site,
  encoder: { weight: matrix(FEATURES, WIDTH), bias: rng.normals(FEATURES) },
  decoder: { weight: matrix(FEATURES, WIDTH), bias: rng.normals(WIDTH) },
};

const kinds: Record<string, DictionaryInput> = {
  relu: { ...parts, activation: { kind: "relu" } },
  "relu, centred": { ...parts, activation: { kind: "relu" }, isCentred: true },
  jumprelu: {
    ...parts,
    activation: { kind: "jumprelu", threshold: [0.5, 1, 0, -1, 2] },
    isCentred: true,
  },
  topk: { ...parts, activation: { kind: "topk", k: 2 }, isCentred: true },
  "topk of all": { ...parts, activation: { kind: "topk", k: FEATURES } },
  identity: { ...parts, activation: { kind: "identity" }, isCentred: true },
  "relu at one length": {
    ...parts,
    activation: { kind: "relu" },
    normalisation: "norm",
    isCentred: true,
  },
  "topk after layer norm": {
    ...parts,
    activation: { kind: "topk", k: 3 },
    normalisation: "layer-norm",
  },
};
const made = Object.entries(kinds).map(([name, given]) => [name, dictionary(given)] as const);

/** One activation's features and how it was scaled, in plain loops. */
function encoded(
  { encoder, decoder, activation, isCentred, normalisation }: Dictionary,
  x: readonly number[],
): { features: number[]; scale: number; shift: number } {
  const [count, width] = encoder.weight.shape as [number, number];
  const mean = x.reduce((sum, own) => sum + own, 0) / width;
  const length = Math.hypot(...x);
  const deviation = Math.sqrt(x.reduce((sum, own) => sum + (own - mean) ** 2, 0) / (width - 1));
  const [scale, shift] = {
    none: [1, 0] as const,
    norm: [length / Math.sqrt(width), 0] as const,
    "layer-norm": [deviation, mean] as const,
  }[normalisation];
  const divisor = normalisation === "layer-norm" ? scale + 1e-5 : scale;
  const scores = Array.from({ length: count }, (_, i) => {
    let score = encoder.bias.data[i]!;
    for (let j = 0; j < width; j++) {
      const input = (x[j]! - shift) / divisor - (isCentred ? decoder.bias.data[j]! : 0);
      score += encoder.weight.data[i * width + j]! * input;
    }
    return score;
  });
  const features = scores.map((score, i) => {
    if (activation.kind === "identity") return score;
    if (activation.kind === "jumprelu" && score <= activation.threshold.data[i]!) return 0;
    if (
      activation.kind === "topk" &&
      scores.filter((other) => other > score).length >= activation.k
    )
      return 0;
    return Math.max(0, score);
  });
  return { features, scale, shift };
}

const rowsOf = (data: ArrayLike<number>): number[][] =>
  Array.from({ length: data.length / WIDTH }, (_, i) =>
    Array.from(data).slice(i * WIDTH, (i + 1) * WIDTH),
  );
const rows = rowsOf(values);
const x = tensor(values, { shape: [1, POS, WIDTH] });
const places = { ids: [[1, 2, 3, 4]], positions: [[0, 1, 2, 3]], promptLengths: [POS] };

/** What a feature intervention should make of an activation: its feature's change times its decoder row. */
function changedRow(
  given: Dictionary,
  { index, value, mode = "set" }: FeatureOptions,
  { row, strength = 1 }: { row: readonly number[]; strength?: number },
): number[] {
  const { features, scale } = encoded(given, row);
  const f = features[index]!;
  const target = { set: value, scale: f * value, add: f + value }[mode];
  const direction = featureDirection(given, index);
  return row.map((own, j) => own + strength * (target - f) * scale * direction[j]!);
}

async function changed(
  intervention: InterventionInput,
  { strength = 1, shape = [1, POS, WIDTH] }: { strength?: number; shape?: number[] } = {},
): Promise<Float32Array> {
  const edit = editOf(intervention, { places, strength });
  const at = { site: intervention.site, sites: new Map() };
  return Float32Array.from(await edit(tensor(values, { shape }), at).numbers());
}

describe.each(made)("a dictionary: %s", (_, given) => {
  test("encodes as plain loops do", async () => {
    const found = await encodeDictionary(given, x).numbers();
    expect(
      maxDifference(
        found,
        rows.flatMap((row) => encoded(given, row).features),
      ),
    ).toBeLessThan(
      1e-5, // float32, sums of six products
    );
  });

  test("decodes to the sum of its directions", async () => {
    const f = encodeDictionary(given, x);
    const expected = rows.flatMap((row) => {
      const { features, scale, shift } = encoded(given, row);
      return row.map((__, j) => {
        const sum = features.reduce(
          (total, own, i) => total + own * given.decoder.weight.data[i * WIDTH + j]!,
          given.decoder.bias.data[j]!,
        );
        return sum * scale + shift;
      });
    });
    // sums of products in the tens
    expect(maxDifference(await decodeDictionary(given, f, x).numbers(), expected)).toBeLessThan(
      5e-5,
    );
  });

  test.each<FeatureOptions>([
    { index: 0, value: 2 },
    { index: 3, value: 0 },
    { index: 1, value: 0, mode: "scale" },
    { index: 2, value: 2.5, mode: "scale" },
    { index: 4, value: -3, mode: "add" },
  ])("its feature changes the activation as the formula says: %j", async (options) => {
    const intervention = featureIntervention(given, options);
    for (const strength of [1, 0.5]) {
      const expected = rows.flatMap((row) => changedRow(given, options, { row, strength }));
      const found = await changed(intervention, { strength });
      expect(maxDifference(found, expected)).toBeLessThan(5e-5); // changes of up to ten times their rounding
    }
    expect(await changed(intervention, { strength: 0 })).toEqual(values);
  });

  test("a feature that is set stays what it is when it is set to what it is", async () => {
    const { features } = encoded(given, rows[1]!);
    const at = { positions: [1] };
    for (const [index, value] of features.entries()) {
      const found = await changed(featureIntervention(given, { index, value, at }));
      expect(maxDifference(found, values)).toBeLessThan(1e-5);
    }
  });
});

test("a dictionary of heads behind one another reads and changes all heads of a place", async () => {
  for (const [, given] of made) {
    const atHeads = { ...given, site: "blocks.0.attn.z" };
    const shape = [1, POS, 2, WIDTH / 2];
    const split = tensor(values, { shape });
    const flat = await encodeDictionary(given, x).numbers();
    expect(await encodeDictionary(atHeads, split).numbers()).toEqual(flat);
    const decoded = decodeDictionary(atHeads, encodeDictionary(atHeads, split), split);
    expect(decoded.shape).toEqual(shape);
    const options = { index: 1, value: 2 };
    const found = await changed(featureIntervention(atHeads, options), { shape });
    const expected = await changed(featureIntervention(given, options));
    expect(maxDifference(found, expected)).toBeLessThan(1e-6);
  }
});

test.each(["blocks.0.resid_post", "blocks.0.attn.z"])(
  "rows of a batch have features of their own at %s",
  async (at) => {
    const shape = at.endsWith("z") ? [2, 2, 2, WIDTH / 2] : [2, 2, WIDTH];
    const axes = ["batch", "pos", "head", "dHead"].slice(0, shape.length);
    const select = (): { name: string; axes: string[]; shape: number[] }[] => [
      { name: at, axes, shape },
    ];
    const both = {
      ids: [
        [1, 2],
        [3, 4],
      ],
      positions: [
        [0, 1],
        [0, 1],
      ],
      promptLengths: [2, 2],
    };
    for (const [, given] of made) {
      const own = { ...given, site: at };
      const options: FeatureOptions[] = [
        { index: 0, value: 2 },
        { index: 3, value: -1 },
      ];
      const sets = options.map((one) => [
        { interventions: [featureIntervention(own, one)], conflict: "compose" as const },
      ]);
      const plan = planRows(sets, { select });
      expect(plan.sites).toEqual([at]);
      const edit = plan.edits(plan.inputs(both)).get(at)!;
      const found = await edit(tensor(values, { shape }), { site: at, sites: new Map() }).numbers();
      const expected = rows.flatMap((row, i) =>
        changedRow(given, options[i < 2 ? 0 : 1]!, { row }),
      );
      expect(maxDifference(found, expected)).toBeLessThan(5e-5);
    }
  },
);

test("setting a feature at some places leaves all others as they were", async () => {
  const given = made[0]![1];
  const found = rowsOf(
    await changed(featureIntervention(given, { index: 0, value: 3, at: { positions: [2] } })),
  );
  expect(found[2]).not.toEqual(rows[2]);
  expect(found.toSpliced(2, 1)).toEqual(rows.toSpliced(2, 1));
});

test("an activation of zeros is encoded, not NaN", async () => {
  const zeros = tensor(new Float32Array(WIDTH), { shape: [1, 1, WIDTH] });
  for (const [, given] of made) {
    const found = await encodeDictionary(given, zeros).numbers();
    expect(found.every(Number.isFinite)).toBe(true);
  }
});

test("clamping a feature of the organism changes its logits as the edit in plain numbers does", async () => {
  const net = await loadNetwork("organism:stories", { check: false });
  const at = "blocks.1.resid_post";
  const width = net.config.dModel;
  const own = new Rng(9);
  const given = dictionary({
    site: at,
    name: "random",
    encoder: {
      weight: { shape: [8, width], data: own.normals(8 * width) },
      bias: own.normals(8),
    },
    decoder: {
      weight: { shape: [8, width], data: own.normals(8 * width) },
      bias: own.normals(width),
    },
    activation: { kind: "jumprelu", threshold: own.uniforms(8) },
    isCentred: true,
    madeFor: await net.identity(),
  });
  const prompt = [Array.from({ length: 9 }, (_, i) => 2 + i)];
  const plain = await net.run(prompt, { capture: [at, "logits"] });
  const before = await plain.at(at).numbers();
  const options = { index: 5, value: 4 };
  const after = Array.from({ length: 9 }, (_, i) =>
    changedRow(given, options, { row: Array.from(before.subarray(i * width, (i + 1) * width)) }),
  );
  const expected = await net.run(prompt, { edit: { [at]: () => tensor([after]) } });
  const steered = await net.run(prompt, { interventions: [featureIntervention(given, options)] });
  const logits = await steered.logits.numbers();
  // float32 through the blocks that follow
  expect(maxDifference(logits, await expected.logits.numbers())).toBeLessThan(1e-4);
  expect(maxDifference(logits, await plain.logits.numbers())).toBeGreaterThan(0.1);
  const none = await net.run(prompt, {
    interventions: [featureIntervention(given, options)],
    strength: 0,
  });
  expect(maxDifference(await none.logits.numbers(), await plain.logits.numbers())).toBeLessThan(
    1e-6,
  );
});

describe("a dictionary is refused", () => {
  const wrong = (change: object): (() => Dictionary) => {
    const relu = kinds["relu"] as DictionaryInput;
    return () => dictionary({ ...relu, ...change });
  };

  test("with an unknown key", () => {
    expect(wrong({ colour: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: dictionary: the dictionary has the unknown key "colour".]`,
    );
  });

  test("with a bias that does not fit", () => {
    expect(wrong({ encoder: { ...parts.encoder, bias: [1] } })).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: dictionary: encoder.bias of the dictionary has the shape [1], not [5].]`,
    );
  });

  test("with directions of another width", () => {
    const decoder = { ...parts.decoder, weight: matrix(FEATURES, 2) };
    expect(wrong({ decoder })).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: dictionary: decoder.weight of the dictionary has the shape [5, 2], not [5, 6].]`,
    );
  });

  test("with a threshold for another number of features", () => {
    const activation = { kind: "jumprelu", threshold: [1] };
    expect(wrong({ activation })).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: dictionary: activation.threshold of the dictionary has the shape [1], not [5].]`,
    );
  });

  test("with more of the best than it has features", () => {
    const activation = { kind: "topk", k: 6 };
    expect(wrong({ activation })).toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: dictionary: activation.k of the dictionary is 6, and there are 5 features.]`,
    );
  });
});

test("a feature that is not there is refused", () => {
  const given = made[0]![1];
  expect(() => featureDirection(given, 5)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: featureDirection: the dictionary has 5 features, 0..4, and no feature 5.]`,
  );
  expect(() =>
    featureIntervention(given, { index: -1, value: 1 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: featureIntervention: the dictionary has 5 features, 0..4, and no feature -1.]`,
  );
});

test("an activation of another width is refused, and so is coming back to no scale", () => {
  const [, given] = made[0]!;
  expect(() => encodeDictionary(given, tensor([[1, 2, 3]]))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: encodeDictionary: the dictionary of "blocks.0.resid_post" reads 6 numbers a place, but the activation is [1, 3].]`,
  );
  const scaled = dictionary(kinds["relu at one length"]!);
  expect(() => decodeDictionary(scaled, tensor([[1, 2, 3, 4, 5]])))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: decodeDictionary: the dictionary reads activations at another scale (norm), and the one to come back to is missing.
      fix: give the activation that was encoded as the third argument.]
  `);
});

test("a feature at a site of another width is refused with both shapes", async () => {
  const intervention = featureIntervention(made[0]![1], { index: 0, value: 1 });
  await expect(changed(intervention, { shape: [1, 3, 8] })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: interventions: "feature" takes numbers of shape [1, 6], which do not fit "blocks.0.resid_post", [batch, pos, 8].
      fix: use an intervention that was made for this site of a network of this size.]
  `);
  // three heads where the dictionary has two
  await expect(changed(intervention, { shape: [1, 2, 4, 3] })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: interventions: "feature" takes numbers of shape [2, 3], which do not fit "blocks.0.resid_post", [batch, pos, 4, 3].
      fix: use an intervention that was made for this site of a network of this size.]
  `);
});
