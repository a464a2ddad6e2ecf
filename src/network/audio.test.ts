import { expect, test } from "vitest";

import { goldensOf, openGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { openAudio } from "../checkpoints/open-audio.ts";
import { Rng } from "../core/rng.ts";
import { frameCount, normalised, samplesFor } from "./audio-input.ts";
import { AudioNetwork } from "./audio.ts";
import { checkAudioInvariants } from "./invariants.ts";

/** A network over frames of 4 samples, 2 apart, whose hidden states are the means of frames. */
function frames(options: { hidesPadding?: boolean; normalises?: boolean } = {}): AudioNetwork {
  const { hidesPadding = false, normalises = false } = options;
  const sizes = { nLayers: 0, nHeads: 1, dModel: 1, dHead: 1, dVocab: 0, hidesPadding };
  return new AudioNetwork({
    name: "frames",
    config: { ...sizes, features: [{ kernel: 4, stride: 2 }] },
    params: {},
    forward: (_, { samples, isReal }, tap) => {
      const taken = tap("samples", samples);
      const count = frameCount(taken.shape[1]!, [{ kernel: 4, stride: 2 }]);
      const rows = Array.from({ length: count }, (_unused, i) =>
        taken.slice({ axis: 1, start: 2 * i, end: 2 * i + 4 }).mean({ axis: 1, keepDims: true }),
      );
      const means = rows[0]!.concatWith(rows.slice(1), 1).unsqueeze(-1);
      return isReal === undefined ? means : means.mul(isReal.unsqueeze(-1));
    },
    samples: { samplingRate: 100, normalises },
  });
}

const features = [
  { kernel: 10, stride: 5 },
  { kernel: 3, stride: 2 },
  { kernel: 2, stride: 2 },
];

test("samplesFor gives the fewest samples for a count of frames", () => {
  for (let count = 1; count < 9; count++) {
    const samples = samplesFor(count, features);
    expect(frameCount(samples, features)).toBe(count);
    expect(frameCount(samples - 1, features)).toBe(count - 1);
  }
  expect(frameCount(3, features)).toBe(0);
});

test("a normalised recording has mean 0 and variance 1, and silence stays silent", () => {
  const samples = normalised(new Rng(3).normals(500).map((x) => 4 * x + 2));
  const mean = samples.reduce((sum, x) => sum + x, 0) / 500;
  const variance = samples.reduce((sum, x) => sum + x * x, 0) / 500;
  // float32 numbers of order 1, of which errors average out
  expect(Math.abs(mean)).toBeLessThan(1e-6);
  expect(Math.abs(variance - 1)).toBeLessThan(1e-6);
  expect(normalised(new Float32Array(5))).toEqual(new Float32Array(5));
});

test("recordings are normalised each by itself, and zeros stand behind the shorter", async () => {
  const rows = [new Rng(1).normals(6), new Rng(2).normals(10)];
  const net = frames({ normalises: true });
  const pass = await net.run(rows, { capture: "samples" });
  const want = [...normalised(rows[0]!), 0, 0, 0, 0, ...normalised(rows[1]!)];
  expect(await pass.at("samples").numbers()).toEqual(Float32Array.from(want));
});

test("padding is hidden frame by frame where the network wants that", async () => {
  const rows = [Float32Array.from([2, 2, 2, 2, 2, 2]), new Float32Array(10).fill(1)];
  const means = async (hidesPadding: boolean): Promise<number[]> =>
    Array.from(await (await frames({ hidesPadding }).run(rows)).at("hidden").numbers());
  expect(await means(true)).toEqual([2, 2, 0, 0, 1, 1, 1, 1]);
  expect(await means(false)).toEqual([2, 2, 1, 0, 1, 1, 1, 1]);
});

test("where padding is heard, a short row gives the numbers of the recording with silence behind it", async () => {
  const { files } = await openGolden("wav2vec2-group-ctc");
  const net = await openAudio(files, { check: false });
  const [short, long] = [new Rng(1).normals(200), new Rng(2).normals(300)];
  const heard = net.samples(short)[0]!;
  const silence = Float32Array.from([...heard, ...new Float32Array(100)]);
  const beside = await net.run([short, long]);
  const first = beside.logits.slice({ axis: 0, end: 1 });
  const padded = await net.run(silence, {
    edit: {
      samples: (x) => x.zerosLike().add(beside.inputs["samples"]!.slice({ axis: 0, end: 1 })),
    },
  });
  expect(await beside.inputs["samples"]!.slice({ axis: 0, end: 1 }).numbers()).toEqual(silence);
  // float32, a few sums in another order
  expect(maxDifference(await first.numbers(), await padded.logits.numbers())).toBeLessThan(1e-5);
});

test("recordings that the network cannot take are refused", () => {
  const net = frames();
  expect(() => net.samples([])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: frames: the list is empty.]`,
  );
  expect(() => net.samples(new Float32Array(3))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: frames: the recording has 3 samples, but a frame takes 4.
      fix: give a longer one, or put silence around it.]
  `);
  const nan = Float32Array.from([1, 2, NaN, 4]);
  expect(() => net.samples([new Float32Array(9), nan])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: frames: sample 2 of recording 1 is NaN, not a finite number.]`,
  );
  const samples = new Float32Array(9);
  expect(() => net.samples({ samples, samplingRate: 44_100 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: frames: the recording has 44100 samples a second, but the network takes 100.
      fix: resample it first; in a browser, \`OfflineAudioContext\` does that.]
  `);
  // @ts-expect-error plain numbers
  expect(() => net.samples([1, 2, 3, 4])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: frames: recording 0 holds no Float32Array of samples.
      fix: give a Float32Array, { samples, samplingRate }, or a list of these.]
  `);
  expect(net.samples({ samples, samplingRate: 100 })).toEqual([samples]);
});

test.each(await goldensOf("audio"))(
  "%s obeys every identity to float32 precision, and all its sites say what they are",
  async (name) => {
    const net = await openAudio((await openGolden(name)).files, { check: false });
    const found = await checkAudioInvariants(net);
    // a tenth of what a network may be off by: float32 sums of up to 100 terms
    expect(found.filter(({ error }) => !(error <= 2e-5))).toEqual([]);
    const claims = found.map(({ claim }) => claim);
    expect(claims.includes("a padded row gives the numbers it gives alone")).toBe(
      net.config.hidesPadding,
    );
    const vague = net
      .sites()
      .filter(({ axes, shape, meaning }) => meaning === "" || axes.length !== shape.length);
    expect(vague).toEqual([]);
  },
);
