// Networks that listen: recordings in, hidden states out, with whatever head the checkpoint has on them.

import { PatchClampError } from "../core/errors.ts";
import type { Tree } from "../core/tree.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { audioInputs, frameCount, normalised, samplesFor } from "./audio-input.ts";
import type {
  AudioConfig,
  AudioInput,
  AudioInputs,
  AudioRow,
  Recording,
  SampleForm,
} from "./audio-input.ts";
import { Network } from "./network.ts";
import type { SiteMeanings } from "./sites.ts";
import type { Tap } from "./tap.ts";

/** What `transformers` does with a checkpoint that says nothing about its samples. */
export const plainSamples: SampleForm = { samplingRate: 16_000, normalises: true };

/** What makes a network that listens. */
export interface AudioDefinition {
  readonly name: string;
  readonly config: AudioConfig;
  readonly params: Tree<Tensor>;
  /** Returns the last hidden states, [batch, pos, dModel]; names the head's values itself. */
  readonly forward: (params: never, inputs: AudioInputs, tap: Tap) => Tensor;
  readonly absent?: Readonly<Record<string, string>>;
  readonly meanings?: SiteMeanings;
  /** Default: 16000 samples a second, brought to mean 0 and variance 1. */
  readonly samples?: SampleForm;
}

/**
 * A network that hears recordings as a whole: every frame sees every other. Its output is `logits` where it has a head, else
 * `hidden`.
 *
 * Recordings of a batch may differ in length: zeros are put behind the shorter ones. Where `config.hidesPadding`, these change
 * nothing about the recording's own frames; where not, the network hears them as silence, so that a recording gives other numbers
 * beside a longer one than alone. That is how networks whose features are normalised over time (`feat_extract_norm` "group") were
 * trained.
 */
export class AudioNetwork extends Network<AudioInput> {
  readonly config: AudioConfig;
  readonly #samples: SampleForm;

  constructor(definition: AudioDefinition) {
    const { name, config, params, forward, absent, meanings } = definition;
    const { samples = plainSamples } = definition;
    super({
      name,
      params,
      config,
      forward,
      output: config.dVocab === 0 ? "hidden" : "logits",
      prepare: (given) => ({ ...audioInputs(this.samples(given), config) }),
      example: () => tones(samplesFor(4, config.features)),
      ...(absent === undefined ? {} : { absent }),
      meanings: {
        hidden: ["batch pos dModel", "last hidden states"],
        logits: ["batch pos dVocab", "scores of the letter at this frame, in nats"],
        ...meanings,
      },
    });
    this.config = config;
    this.#samples = samples;
  }

  /** Samples a second that the network takes. */
  get samplingRate(): number {
    return this.#samples.samplingRate;
  }

  /** Number of frames, `pos` in the axes of sites, that a recording of so many samples gives. */
  frames(samples: number): number {
    return frameCount(samples, this.config.features);
  }

  /**
   * Prepares recordings as the network wants them: brought to mean 0 and variance 1, each by itself, if the checkpoint says so. The
   * site `samples` holds these.
   *
   * @throws PatchClampError `BAD_INPUT` when there is none, or one is too short for a single frame, has another sampling rate than the
   * network takes, holds NaN or infinity, or is no Float32Array
   */
  samples(given: AudioInput): readonly Float32Array[] {
    const rows = isList(given) ? given : [given];
    if (rows.length === 0) {
      throw new PatchClampError("BAD_INPUT", { where: this.name, problem: "the list is empty." });
    }
    const { samplingRate, normalises } = this.#samples;
    return rows.map((row, i) => {
      const recording = row instanceof Float32Array ? { samples: row, samplingRate } : row;
      this.#check(recording, rows.length > 1 ? `recording ${i}` : "the recording");
      return normalises ? normalised(recording.samples) : recording.samples;
    });
  }

  #check({ samples, samplingRate }: Recording, what: string): void {
    if (!(samples instanceof Float32Array)) {
      throw new PatchClampError("BAD_INPUT", {
        where: this.name,
        problem: `${what} holds no Float32Array of samples.`,
        fix: "give a Float32Array, { samples, samplingRate }, or a list of these.",
      });
    }
    if (samplingRate !== this.samplingRate) {
      throw new PatchClampError("BAD_INPUT", {
        where: this.name,
        problem: `${what} has ${samplingRate} samples a second, but the network takes ${this.samplingRate}.`,
        fix: "resample it first; in a browser, `OfflineAudioContext` does that.",
        facts: { samplingRate, expected: this.samplingRate },
      });
    }
    const shortest = samplesFor(1, this.config.features);
    if (samples.length < shortest) {
      throw new PatchClampError("BAD_INPUT", {
        where: this.name,
        problem: `${what} has ${samples.length} samples, but a frame takes ${shortest}.`,
        fix: "give a longer one, or put silence around it.",
        facts: { samples: samples.length, shortest },
      });
    }
    const odd = samples.findIndex((x) => !Number.isFinite(x));
    if (odd < 0) return;
    throw new PatchClampError("BAD_INPUT", {
      where: this.name,
      problem: `sample ${odd} of ${what} is ${samples[odd]}, not a finite number.`,
    });
  }
}

function isList(given: AudioInput): given is readonly AudioRow[] {
  return Array.isArray(given);
}

/** Two tones, for listing sites and checking invariants. */
function tones(samples: number): Float32Array {
  return Float32Array.from({ length: samples }, (_, i) => Math.sin(i / 7) + Math.sin(i / 2.3) / 2);
}
