import { expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { memoryFiles } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import { openNetwork } from "./load.ts";
import { openAudio } from "./open-audio.ts";

const stored = {
  do_normalize: true,
  feature_extractor_type: "Wav2Vec2FeatureExtractor",
  feature_size: 1,
  padding_side: "right",
  padding_value: 0,
  return_attention_mask: true,
  sampling_rate: 16000,
};

/** A checkpoint with one more file. */
async function folder(name: string, json: unknown): Promise<Files> {
  const { files } = await openGolden("wav2vec2-layer");
  return memoryFiles({
    "config.json": await files.read("config.json"),
    "model.safetensors": await files.read("model.safetensors"),
    [name]: JSON.stringify(json),
  });
}

test.each([
  ["preprocessor_config.json", { ...stored, do_normalize: false, sampling_rate: 8000 }],
  [
    "processor_config.json",
    {
      feature_extractor: { ...stored, do_normalize: false, sampling_rate: 8000 },
      processor_class: "Wav2Vec2Processor",
    },
  ],
])("%s says how samples are prepared", async (name, json) => {
  const net = await openAudio(await folder(name, json));
  const samples = Float32Array.from({ length: 100 }, (_, i) => i / 100);
  expect(net.samplingRate).toBe(8000);
  expect(net.samples(samples)).toEqual([samples]);
});

test("a folder that says nothing takes 16000 samples a second and normalises them", async () => {
  const net = await openAudio((await openGolden("wav2vec2-layer")).files);
  const samples = Float32Array.from({ length: 100 }, (_, i) => i % 2);
  expect(net.samplingRate).toBe(16_000);
  const [taken] = net.samples(samples);
  // half of them 1, half 0; 1e-7 is added to their variance of a quarter
  expect(taken![0]).toBeCloseTo(-1, 6);
  expect(taken![1]).toBeCloseTo(1, 6);
});

test("samples that are prepared in another way are refused", async () => {
  const name = "preprocessor_config.json";
  const open = async (more: Readonly<Record<string, unknown>>): Promise<unknown> =>
    openAudio(await folder(name, { ...stored, ...more }));
  await expect(
    open({ feature_extractor_type: "SeamlessM4TFeatureExtractor" }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadAudio: config key "feature_extractor_type" = "SeamlessM4TFeatureExtractor" is not supported: invalid input: expected "Wav2Vec2FeatureExtractor".]`,
  );
  await expect(open({ padding_side: "left" })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: loadAudio: config key "padding_side" = "left" is not supported: invalid input: expected "right".]`,
  );
  await expect(open({ num_mel_bins: 80 })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadAudio: config key "num_mel_bins" = 80 may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});

test("a network of another kind is refused, and the error names what opens it", async () => {
  const { files: audio } = await openGolden("wav2vec2-layer");
  const { files: language } = await openGolden("gpt2");
  await expect(openAudio(language)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadAudio: gpt2 is a network that predicts the next token, not a network that listens.
      fix: open it with loadNetwork.]
  `);
  await expect(openNetwork(audio)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadNetwork: wav2vec2-layer is a network that listens, not a network that predicts the next token.
      fix: open it with loadAudio.]
  `);
});
