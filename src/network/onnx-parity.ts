// How an exported file differs from the network it was made of: both read the same texts and continue them, the file in ONNX Runtime alone.

import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { PlainSession } from "../runtime/plain-session.ts";
import type { PlainModel, PlainOutput } from "../runtime/plain-session.ts";
import type { ExportOnnxOptions } from "./export-onnx.ts";
import type { EncoderNetwork } from "./encoder.ts";
import type { EncoderRow } from "./encoder-input.ts";
import type { LanguageNetwork } from "./language.ts";
import type { Prompt } from "./prompt.ts";
import { ownTexts } from "./quantise-loss.ts";

/** How a file's numbers differ from ours. */
export interface OnnxParity {
  /** Texts that were compared, and their positions. */
  readonly texts: number;
  readonly positions: number;
  /** Largest absolute difference of two logits. */
  readonly maxAbs: number;
  /** Mean Kullback-Leibler divergence of the file's next-token predictions from ours, in nats. */
  readonly klNats: number;
  /** Tokens that greedy continuations of the texts have, and how many of them are the same from the first on. */
  readonly greedy: { readonly tokens: number; readonly same: number };
  /** The same between our steered and our unsteered network; absent where nothing steers. */
  readonly change?: { readonly maxAbs: number; readonly klNats: number };
}

/** Options of `onnxParity`. */
export interface OnnxParityOptions extends ExportOnnxOptions {
  /** What both read. Default: texts that the network writes. */
  readonly texts?: readonly Prompt[] | undefined;
  /** Tokens of a greedy continuation. Default 12, or as many as the context has room for. */
  readonly maxTokens?: number | undefined;
}

/**
 * Compares an exported file with the network, steered as the file is.
 *
 * @throws PatchClampError `RUNTIME_FAILED` when ONNX Runtime refuses the file
 */
export async function onnxParity(
  model: PlainModel,
  net: LanguageNetwork,
  options: OnnxParityOptions = {},
): Promise<OnnxParity> {
  const { interventions = [], strength = 1, maxTokens = 12 } = options;
  const given = options.texts?.flatMap((text) => net.tokens(text).ids);
  // short enough for continuations to have room
  const length = Math.max(2, Math.floor(Math.min(64, net.config.nCtx) / 2));
  const texts = given ?? (await ownTexts(net, { length }));
  await using file = await ExportedFile.open(model);
  const steering = { interventions, strength };
  const [all, changes] = [new Differences(), new Differences()];
  const greedy = { tokens: 0, same: 0 };
  for (const ids of texts) {
    const ours = await logitsOf(net, ids, steering);
    all.add(ours, await file.logits(ids));
    if (interventions.length > 0) changes.add(ours, await logitsOf(net, ids, {}));
    const room = Math.min(maxTokens, net.config.nCtx - ids.length);
    if (room < 1) continue;
    const written: number[] = [];
    for await (const { id } of net.generate([[...ids]], { ...steering, maxTokens: room, stop: [] }))
      written.push(id);
    const theirs = await file.greedy(ids, written.length);
    const parting = written.findIndex((id, i) => id !== theirs[i]);
    greedy.tokens += written.length;
    greedy.same += parting < 0 ? written.length : parting;
  }
  return {
    texts: texts.length,
    positions: all.positions,
    ...all.found(),
    greedy,
    ...(interventions.length === 0 ? {} : { change: changes.found() }),
  };
}

/** What an encoder and its file read: rows, all in one batch. */
export type EncoderTexts = readonly EncoderRow[];

/** How an exported encoder's numbers differ from ours. */
export interface EncoderParity {
  readonly texts: number;
  /** Largest absolute difference of two numbers of the output. */
  readonly maxAbs: number;
}

/**
 * Compares an exported file with the encoder.
 *
 * @param texts - default: three rows of ids, of different lengths
 * @throws PatchClampError `RUNTIME_FAILED` when ONNX Runtime refuses the file
 */
export async function encoderParity(
  model: PlainModel,
  net: EncoderNetwork,
  texts: EncoderTexts = [2, 5, 8].map((length) => exampleRow(net, length)),
): Promise<EncoderParity> {
  const { ids, types, lengths } = net.tokens(texts);
  await using session = await PlainSession.open(model);
  const rows = (all: readonly (readonly number[])[]): Tensor => {
    const shape = [ids.length, ids[0]!.length];
    return fromHost(Int32Array.from(all.flat()), { shape, dtype: "int32" });
  };
  const found = await session.run({
    input_ids: rows(ids),
    attention_mask: rows(ids.map((row, i) => row.map((_, at) => Number(at < lengths[i]!)))),
    token_type_ids: rows(types),
  });
  const { shape, numbers: theirs } =
    found[net.output === "logits" ? "logits" : "last_hidden_state"]!;
  using pass = await net.run(texts, { capture: [net.output] });
  const ours = await pass.at(net.output).numbers();
  // [batch, pos, width], where padding does not count, or [batch, width]
  const [length, width] = shape.length === 3 ? [shape[1]!, shape[2]!] : [1, shape[1]!];
  const isReal = (at: number): boolean => {
    const place = Math.floor(at / width);
    return length === 1 || place % length < lengths[Math.floor(place / length)]!;
  };
  let maxAbs = 0;
  for (let at = 0; at < ours.length; at++)
    if (isReal(at)) maxAbs = Math.max(maxAbs, Math.abs(ours[at]! - theirs[at]!));
  return { texts: ids.length, maxAbs };
}

function exampleRow({ config: { dVocab, nCtx } }: EncoderNetwork, length: number): number[] {
  return Array.from({ length: Math.min(length, nCtx) }, (_, i) => (7 * i + length) % dVocab);
}

/** Logits in rows of the vocabulary. */
interface Logits {
  readonly size: number;
  readonly numbers: ArrayLike<number>;
}

async function logitsOf(
  net: LanguageNetwork,
  ids: readonly number[],
  steering: ExportOnnxOptions,
): Promise<Logits> {
  const { interventions = [], strength = 1 } = steering;
  using pass = await net.run([[...ids]], { interventions, strength });
  return { size: net.config.dVocab, numbers: (await pass.logits.data()) as Float32Array };
}

/** Largest and mean differences of predictions. */
class Differences {
  positions = 0;
  #maxAbs = 0;
  #kl = 0;

  add(ours: Logits, theirs: Logits): void {
    for (let at = 0; at < ours.numbers.length; at += ours.size) {
      const p = logProbabilities(ours, at);
      const q = logProbabilities(theirs, at);
      for (let i = 0; i < ours.size; i++) {
        const difference = Math.abs(ours.numbers[at + i]! - theirs.numbers[at + i]!);
        // a NaN stays there from here on
        this.#maxAbs = Math.max(this.#maxAbs, difference);
        this.#kl += Math.exp(p[i]!) * (p[i]! - q[i]!);
      }
      this.positions++;
    }
  }

  found(): { maxAbs: number; klNats: number } {
    // equal predictions may come out a rounding below 0
    return { maxAbs: this.#maxAbs, klNats: Math.max(0, this.#kl / this.positions) };
  }
}

function logProbabilities({ size, numbers }: Logits, at: number): Float64Array {
  const row = Float64Array.from({ length: size }, (_, i) => numbers[at + i]!);
  const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = Math.log(row.reduce((sum, x) => sum + Math.exp(x - most), 0)) + most;
  return row.map((x) => x - total);
}

/** An exported file in ONNX Runtime. */
class ExportedFile {
  readonly #session: PlainSession;

  private constructor(session: PlainSession) {
    this.#session = session;
  }

  static async open(model: PlainModel): Promise<ExportedFile> {
    return new ExportedFile(await PlainSession.open(model));
  }

  /** Logits of a whole text. */
  async logits(ids: readonly number[]): Promise<Logits> {
    const { logits } = await this.#call(ids, 0, this.#empty());
    return { size: logits!.shape.at(-1)!, numbers: logits!.numbers };
  }

  /** The likeliest next tokens, one after the other. */
  async greedy(ids: readonly number[], count: number): Promise<number[]> {
    const made: number[] = [];
    let [next, past, length] = [ids, this.#empty(), 0];
    while (made.length < count) {
      const found = await this.#call(next, length, past);
      length += next.length;
      const { shape, numbers } = found["logits"]!;
      const row = numbers.slice(numbers.length - shape.at(-1)!);
      const best = row.reduce((top, x, i) => (x > row[top]! ? i : top), 0);
      made.push(best);
      next = [best];
      past = Object.fromEntries(
        Object.keys(past).map((name) => {
          const { shape: own, numbers: data } = found[name.replace("past_key_values", "present")]!;
          return [name, float32(own, Float32Array.from(data))];
        }),
      );
    }
    return made;
  }

  #empty(): Record<string, Tensor> {
    const names = this.#session.inputs.filter((name) => name.startsWith("past_key_values."));
    const entries = names.map((name) => {
      const [, heads, , width] = this.#session.shapeOf(name).map(Number);
      return [name, float32([1, heads!, 0, width!], new Float32Array())] as const;
    });
    return Object.fromEntries(entries);
  }

  #call(
    ids: readonly number[],
    seen: number,
    past: Readonly<Record<string, Tensor>>,
  ): Promise<Record<string, PlainOutput>> {
    const row = (numbers: readonly number[]): Tensor =>
      fromHost(Int32Array.from(numbers), { shape: [1, numbers.length], dtype: "int32" });
    return this.#session.run({
      input_ids: row(ids),
      attention_mask: row(Array<number>(seen + ids.length).fill(1)),
      position_ids: row(ids.map((_, i) => seen + i)),
      ...past,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

function float32(shape: readonly number[], data: Float32Array): Tensor {
  return fromHost(data, { shape, dtype: "float32" });
}
