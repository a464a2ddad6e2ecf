// An exported language model, run by ONNX Runtime alone.

import * as ort from "onnxruntime-node";

/** What a call gave. */
export interface Called {
  /** [batch, pos, dVocab] */
  readonly logits: ort.Tensor;
  /** Keys and values of all positions so far, by their names as inputs. */
  readonly past: Readonly<Record<string, ort.Tensor>>;
}

/** A model whose inputs are those of Hugging Face's exports. */
export class OnnxSession {
  readonly #session: ort.InferenceSession;

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
  }

  static async open(model: Uint8Array | string): Promise<OnnxSession> {
    const options = { logSeverityLevel: 3 } as const;
    const session =
      typeof model === "string"
        ? await ort.InferenceSession.create(model, options)
        : await ort.InferenceSession.create(model, options);
    return new OnnxSession(session);
  }

  get inputs(): readonly string[] {
    return this.#session.inputNames;
  }

  /** A past of no positions. */
  empty(batch: number): Record<string, ort.Tensor> {
    const past: Record<string, ort.Tensor> = {};
    for (const { name, isTensor, ...port } of this.#session.inputMetadata) {
      if (!isTensor || !name.startsWith("past_key_values.")) continue;
      const { shape } = port as { shape: readonly (number | string)[] };
      const sizes = [batch, Number(shape[1]), 0, Number(shape[3])];
      past[name] = new ort.Tensor("float32", new Float32Array(0), sizes);
    }
    return past;
  }

  /**
   * Reads new tokens.
   *
   * @param ids - [batch][pos]
   * @param isThere - [batch][past + pos], 1 at tokens and 0 at padding
   * @param first - what the first position is called
   */
  async call(
    ids: readonly (readonly number[])[],
    isThere: readonly (readonly number[])[],
    past: Readonly<Record<string, ort.Tensor>>,
    first = 0,
  ): Promise<Called> {
    const pos = ids[0]!.length;
    const positions = isThere.map((row) => {
      let count = first;
      return row.map((bit) => (bit === 1 ? count++ : 0)).slice(-pos);
    });
    const given: Record<string, ort.Tensor> = {
      input_ids: whole(ids),
      attention_mask: whole(isThere),
      position_ids: whole(positions),
      ...past,
    };
    const feeds = Object.fromEntries(this.inputs.map((name) => [name, given[name]!]));
    const { logits, ...presents } = await this.#session.run(feeds);
    const renamed = Object.entries(presents).map(
      ([name, tensor]) => [name.replace("present", "past_key_values"), tensor] as const,
    );
    return { logits: logits as ort.Tensor, past: Object.fromEntries(renamed) };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

function whole(rows: readonly (readonly number[])[]): ort.Tensor {
  const flat = BigInt64Array.from(rows.flat(), BigInt);
  return new ort.Tensor("int64", flat, [rows.length, rows[0]!.length]);
}
