// What networks that listen are given: samples of one recording or several, and the tensors made of them. Shorter rows are padded
// on the right with zeros.

import { hiddenKeys } from "../nn/masks.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Samples of one channel, usually from -1 to 1, and how many there are a second. */
export interface Recording {
  readonly samples: Float32Array;
  /** Samples a second. */
  readonly samplingRate: number;
}

/** One recording; samples alone are taken to have the network's own sampling rate. */
export type AudioRow = Float32Array | Recording;

/** What networks that listen take: one recording or several. */
export type AudioInput = AudioRow | readonly AudioRow[];

/** What the function of such a network takes. */
export interface AudioInputs {
  /** float32, [batch, time] */
  readonly samples: Tensor;
  /** Added to attention scores, [batch, 1, 1, pos]. Absent when no padding is hidden. */
  readonly mask?: Tensor;
  /** float32, [batch, pos]: 1 at frames of the recording, 0 at padding. Absent when no padding is hidden. */
  readonly isReal?: Tensor;
}

/** How many values a convolution reads at a time, and how far it moves between two. */
export interface SlidingWindow {
  readonly kernel: number;
  readonly stride: number;
}

/** Sizes every network that listens has. */
export interface AudioConfig {
  readonly nLayers: number;
  readonly nHeads: number;
  readonly dModel: number;
  readonly dHead: number;
  /** The convolutions that make frames of samples, in their order. */
  readonly features: readonly SlidingWindow[];
  /** Letters that the head scores at every frame, the blank among them; 0 where there is no head. */
  readonly dVocab: number;
  /**
   * Whether padding is hidden, so that a row of a batch gives the numbers it gives alone. Where it is not, the zeros behind a shorter
   * row are heard as silence.
   */
  readonly hidesPadding: boolean;
}

/** How samples are prepared. */
export interface SampleForm {
  /** Samples a second. */
  readonly samplingRate: number;
  /** Whether every recording is brought to mean 0 and variance 1. */
  readonly normalises: boolean;
}

/** Number of frames that convolutions make of samples. */
export function frameCount(samples: number, features: AudioConfig["features"]): number {
  return features.reduce(
    (count, { kernel, stride }) => Math.max(0, Math.floor((count - kernel) / stride) + 1),
    samples,
  );
}

/** Number of samples from which convolutions make so many frames: the smallest. */
export function samplesFor(frames: number, features: AudioConfig["features"]): number {
  return features.reduceRight((count, { kernel, stride }) => (count - 1) * stride + kernel, frames);
}

/** Brings samples to mean 0 and variance 1. */
export function normalised(samples: Float32Array): Float32Array {
  const mean = samples.reduce((sum, x) => sum + x, 0) / samples.length;
  const variance = samples.reduce((sum, x) => sum + (x - mean) ** 2, 0) / samples.length;
  // what `transformers` adds, so that silence stays finite
  const scale = 1 / Math.sqrt(variance + 1e-7);
  return samples.map((x) => (x - mean) * scale);
}

/** What the function of a network takes for rows of prepared samples. */
export function audioInputs(
  rows: readonly Float32Array[],
  { features, hidesPadding }: Pick<AudioConfig, "features" | "hidesPadding">,
): AudioInputs {
  const time = Math.max(...rows.map(({ length }) => length));
  const data = new Float32Array(rows.length * time);
  for (const [i, row] of rows.entries()) data.set(row, i * time);
  const samples = fromHost(data, { shape: [rows.length, time], dtype: "float32" }, "samples");
  const pos = frameCount(time, features);
  const lengths = rows.map(({ length }) => frameCount(length, features));
  if (!hidesPadding || lengths.every((length) => length === pos)) return { samples };
  const isReal = lengths.map((length) => Array.from({ length: pos }, (_, i) => i < length));
  return {
    samples,
    mask: hiddenKeys(isReal),
    isReal: fromHost(Float32Array.from(isReal.flat(), Number), {
      shape: [rows.length, pos],
      dtype: "float32",
    }),
  };
}
