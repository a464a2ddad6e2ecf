// Generation with a cache of keys and values whose capacity is fixed: the graph of a decoding step reads the cache and
// returns the new row, which the host writes in place. Only when the capacity is used up is a larger cache made.

import { PatchClampError } from "../core/errors.ts";
import type { Tree } from "../core/tree.ts";
import { leaves } from "../core/tree.ts";
import { NEVER } from "../nn/masks.ts";
import { compile, evaluate } from "../tensor/evaluate.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { LanguageNetwork } from "./language.ts";
import type { Edits } from "./network.ts";
import type { DecoderCache, DecoderInputs, LanguageInput, TokenBatch } from "./prompt.ts";
import { batchInputs } from "./prompt.ts";
import type { SamplingOptions } from "./sampling.ts";
import { sampler } from "./sampling.ts";
import { selectSites } from "./sites.ts";
import type { Edit } from "./tap.ts";
import { recordingTap } from "./tap.ts";

/** Options of `generate`. */
export interface GenerateOptions extends SamplingOptions {
  /** Most new tokens a row. At least 1. Default: what the context has room for, at most 64. */
  maxTokens?: number;
  /** Ids that end a row; they are not returned. Default: the tokenizer's end of text. */
  stop?: readonly number[];
  /** Changes values as they are computed, in the prompt and at every step. Traced once for each. Default: none. */
  edit?: Edits;
  /** Sites to record at every step, by name or pattern. Default: none. */
  capture?: string | readonly string[];
  /** Ends the generation with an `ABORTED` error. */
  signal?: AbortSignal;
}

/** One new token. */
export interface GeneratedToken {
  /** Which prompt it continues. */
  readonly row: number;
  /** How many new tokens came before it in its row. */
  readonly step: number;
  readonly id: number;
  /** What it adds to the text; empty for a network without a tokenizer. */
  readonly text: string;
  /** Its probability before temperature and cuts. */
  readonly probability: number;
  /**
   * What was captured in the pass that predicted it: the whole prompt at step 0, one position afterwards. Rows are
   * those of the batch.
   */
  readonly activations: Readonly<Record<string, Tensor>>;
}

/** How one pass is traced. */
interface PassForm {
  readonly net: LanguageNetwork;
  readonly edits: ReadonlyMap<string, readonly Edit[]>;
  readonly capture: readonly string[];
}

interface PassResult {
  /** Logits of the last position, [batch, dVocab]. */
  readonly logits: Tensor;
  /** New keys and values by layer; nothing for a layer that looks at no earlier position. */
  readonly keys: LayerTensors;
  readonly values: LayerTensors;
  /** What recurrent layers keep, by layer. */
  readonly states: Readonly<Record<string, readonly Tensor[]>>;
  readonly activations: Readonly<Record<string, Tensor>>;
}

/** One tensor a layer, by the layer's number. */
type LayerTensors = Readonly<Record<string, Tensor>>;

/**
 * See `LanguageNetwork.generate`.
 *
 * @yields every new token, rows of a batch in turn
 */
export async function* generate(
  net: LanguageNetwork,
  given: LanguageInput,
  options: GenerateOptions = {},
): AsyncGenerator<GeneratedToken> {
  const { edit = {}, capture, signal } = options;
  const batch = leftPadded(net.tokens(given));
  const pos = batch.ids[0]!.length;
  const maxTokens = checkLength(net, pos, options.maxTokens);
  const stop = new Set(options.stop ?? endOfText(net));
  const pick = sampler(options);
  const form: PassForm = {
    net,
    edits: net.resolveEdits("generate", edit),
    capture: capture === undefined ? [] : selectSites("generate", net.space, capture),
  };
  const decode = compile((inputs: StepInputs) => stepPass(form, inputs));

  let result = await promptPass(form, batch);
  const cache = await RowCache.of(batch, result, pos);
  const text = batch.ids.map(() => new TextStream(net));
  const isDone = batch.ids.map(() => false);
  for (let step = 0; step < maxTokens; step++) {
    if (signal?.aborted) throw aborted(step, signal);
    const logits = (await result.logits.data()) as Float32Array;
    const next: number[] = [];
    for (const row of batch.ids.keys()) {
      const { id, probability } = pick(rowOf(logits, row, net.config.dVocab), row, step);
      next.push(id);
      isDone[row] ||= stop.has(id);
      if (isDone[row]) continue;
      yield {
        row,
        step,
        id,
        text: text[row]!.add(id, step + 1 === maxTokens),
        probability,
        activations: result.activations,
      };
    }
    if (isDone.every(Boolean) || step + 1 === maxTokens) return;
    if (step > 0) await cache.append(result);
    result = await decode(cache.stepInputs(next));
  }
}

function aborted(step: number, signal: AbortSignal): PatchClampError {
  return new PatchClampError("ABORTED", {
    where: "generate",
    problem: `stopped by its signal after ${step} tokens.`,
    cause: signal.reason,
  });
}

function checkLength(net: LanguageNetwork, pos: number, asked: number | undefined): number {
  const room = net.config.nCtx - pos;
  if (asked !== undefined && (!Number.isInteger(asked) || asked < 1)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "generate",
      problem: `maxTokens is ${asked}, not a whole number of at least 1.`,
    });
  }
  if (room < (asked ?? 1)) {
    throw new PatchClampError("BAD_INPUT", {
      where: "generate",
      problem: `the prompt has ${pos} tokens, so the context of ${net.config.nCtx} has room for ${room}, not ${asked ?? 1}.`,
      fix: "shorten the prompt or lower maxTokens.",
    });
  }
  return asked ?? Math.min(room, 64);
}

function endOfText(net: LanguageNetwork): number[] {
  const eos = net.hasTokenizer ? net.tokenizer.eos : undefined;
  return eos === undefined ? [] : [eos];
}

function leftPadded(batch: TokenBatch): TokenBatch {
  if (batch.padding === "left") return batch;
  const ids = batch.ids.map((row, i) => {
    const length = batch.lengths[i]!;
    return [...row.slice(length), ...row.slice(0, length)];
  });
  return { ...batch, ids, padding: "left" };
}

function rowOf(logits: Float32Array, row: number, dVocab: number): Float32Array {
  return logits.subarray(row * dVocab, (row + 1) * dVocab);
}

/** Runs the prompt: everything a decoding step needs, and the logits of the last position. */
async function promptPass(form: PassForm, batch: TokenBatch): Promise<PassResult> {
  const nothing = { past: () => undefined, state: () => undefined };
  const result = tracePass(form, batchInputs(batch), nothing);
  await evaluate(leaves<Tensor>(result as unknown as Tree<Tensor>).map(([, tensor]) => tensor));
  return result;
}

interface StepInputs extends Pick<PassResult, "keys" | "values" | "states"> {
  readonly tokens: Tensor;
  readonly positions: Tensor;
  readonly keyPositions: Tensor;
  readonly mask: Tensor;
}

function stepPass(form: PassForm, { keys, values, states, ...inputs }: StepInputs): PassResult {
  return tracePass(form, inputs, {
    past: (layer) => ({ k: keys[layer]!, v: values[layer]! }),
    state: (layer) => states[layer],
  });
}

function tracePass(
  { net, edits, capture }: PassForm,
  inputs: DecoderInputs,
  earlier: Pick<DecoderCache, "past" | "state">,
): PassResult {
  const keys: Record<string, Tensor> = {};
  const values: Record<string, Tensor> = {};
  const states: Record<string, readonly Tensor[]> = {};
  const cache: DecoderCache = {
    ...earlier,
    store: (layer, k, v) => {
      keys[layer] = k;
      values[layer] = v;
    },
    keep: (layer, state) => {
      states[layer] = state;
    },
  };
  const { tap, sites } = recordingTap({ edits });
  const logits = tap("logits", net.forward(net.params as never, { ...inputs, cache }, tap));
  return {
    logits: logits.slice({ axis: 1, start: -1 }).squeeze(1),
    keys,
    values,
    states,
    activations: Object.fromEntries(capture.map((site) => [site, sites.get(site)!])),
  };
}

/** The cache of a batch of left-padded rows: one array a layer for keys, one for values. */
class RowCache {
  readonly #batch: number;
  readonly #lengths: readonly number[];
  /** Positions filled, padding included; the same for all rows. */
  #filled: number;
  #capacity: number;
  #keys: LayerTensors = {};
  #values: LayerTensors = {};
  #states: PassResult["states"] = {};
  #mask: Tensor;

  private constructor({ ids, lengths }: TokenBatch, pos: number) {
    this.#batch = ids.length;
    this.#lengths = lengths.map((length) => length - pos);
    this.#filled = pos;
    this.#capacity = capacityFor(pos + 1);
    this.#mask = this.#makeMask();
  }

  /** A cache that holds what a prompt's pass found. */
  static async of(batch: TokenBatch, result: PassResult, pos: number): Promise<RowCache> {
    const cache = new RowCache(batch, pos);
    await cache.#fill(result.keys, result.values);
    cache.#states = result.states;
    return cache;
  }

  async #fill(keys: LayerTensors, values: LayerTensors): Promise<void> {
    const copied = async (tensors: LayerTensors): Promise<LayerTensors> => {
      const copies: Record<string, Tensor> = {};
      for (const [layer, tensor] of Object.entries(tensors)) {
        copies[layer] = await grown(tensor, this.#capacity, this.#filled);
      }
      return copies;
    };
    this.#keys = await copied(keys);
    this.#values = await copied(values);
  }

  /** Inputs of the step that reads `next`, one token a row. */
  stepInputs(next: readonly number[]): StepInputs {
    const shape = [this.#batch, 1];
    const positions = Int32Array.from(this.#lengths, (offset) => this.#filled + offset);
    return {
      tokens: fromHost(Int32Array.from(next), { shape, dtype: "int32" }),
      positions: fromHost(positions, { shape, dtype: "int32" }),
      keyPositions: this.#keyPositions(),
      mask: this.#mask,
      keys: this.#keys,
      values: this.#values,
      states: this.#states,
    };
  }

  /** Takes what a step made. */
  async append({ keys, values, states }: PassResult): Promise<void> {
    if (this.#filled === this.#capacity) {
      this.#capacity = capacityFor(this.#capacity + 1);
      await this.#fill(this.#keys, this.#values);
      this.#mask = this.#makeMask();
    }
    for (const [layer, k] of Object.entries(keys)) {
      await writeRow(this.#keys[layer]!, k, this.#filled);
      await writeRow(this.#values[layer]!, values[layer]!, this.#filled);
    }
    this.#states = states;
    const width = this.#capacity + 1;
    const mask = this.#mask.value!.data!;
    for (let row = 0; row < this.#batch; row++) mask[row * width + this.#filled] = 0;
    this.#filled++;
  }

  /** [batch, capacity + 1]: position of what lies in each slot; the last slot is the new token. */
  #keyPositions(): Tensor {
    const width = this.#capacity + 1;
    const data = new Int32Array(this.#batch * width);
    for (const [row, offset] of this.#lengths.entries()) {
      for (let i = 0; i < width; i++) data[row * width + i] = Math.max(0, i + offset);
      data[(row + 1) * width - 1] = this.#filled + offset;
    }
    return fromHost(data, { shape: [this.#batch, width], dtype: "int32" });
  }

  /** [batch, 1, 1, capacity + 1]: 0 for filled positions that are no padding, and for the new one. */
  #makeMask(): Tensor {
    const width = this.#capacity + 1;
    const data = new Float32Array(this.#batch * width).fill(NEVER);
    for (const [row, offset] of this.#lengths.entries()) {
      data.fill(0, row * width - offset, row * width + this.#filled);
      data[(row + 1) * width - 1] = 0;
    }
    return fromHost(data, { shape: [this.#batch, 1, 1, width], dtype: "float32" });
  }
}

/** Capacities come in powers of two, so that few graphs serve all lengths. */
function capacityFor(length: number): number {
  return Math.max(32, 2 ** Math.ceil(Math.log2(length)));
}

/** A copy of [batch, head, pos, dHead] with room for `capacity` positions, of which `filled` are kept. */
async function grown(x: Tensor, capacity: number, filled: number): Promise<Tensor> {
  const [batch, heads, pos, dHead] = x.shape as [number, number, number, number];
  const from = (await x.data()) as Float32Array;
  const data = new Float32Array(batch * heads * capacity * dHead);
  for (let i = 0; i < batch * heads; i++) {
    data.set(from.subarray(i * pos * dHead, (i * pos + filled) * dHead), i * capacity * dHead);
  }
  return fromHost(data, { shape: [batch, heads, capacity, dHead], dtype: "float32" });
}

async function writeRow(cache: Tensor, row: Tensor, at: number): Promise<void> {
  const [batch, heads, capacity, dHead] = cache.shape as [number, number, number, number];
  const data = cache.value!.data as Float32Array;
  const from = (await row.data()) as Float32Array;
  for (let i = 0; i < batch * heads; i++) {
    data.set(from.subarray(i * dHead, (i + 1) * dHead), (i * capacity + at) * dHead);
  }
}

/** Decodes growing ids piece by piece, holding back characters that are not whole yet. */
class TextStream {
  readonly #net: LanguageNetwork;
  readonly #ids: number[] = [];
  #shown = "";

  constructor(net: LanguageNetwork) {
    this.#net = net;
  }

  /** What the id adds to the text; with the last one, whatever was held back. */
  add(id: number, isLast: boolean): string {
    if (!this.#net.hasTokenizer) return "";
    this.#ids.push(id);
    const text = this.#net.tokenizer.decode(this.#ids, { skipSpecialTokens: true });
    if ((text.endsWith("\uFFFD") && !isLast) || !text.startsWith(this.#shown)) return "";
    const added = text.slice(this.#shown.length);
    this.#shown = text;
    return added;
  }
}
