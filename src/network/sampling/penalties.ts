// What changes logits before a token is picked: biases first, then penalties for tokens that are there already.

/** Changes that are on. */
export interface Penalties {
  /** Added to the logits of single tokens, in nats, by id. */
  readonly logitBias?: ReadonlyMap<number, number> | undefined;
  /** Above 0. */
  readonly repetitionPenalty?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly presencePenalty?: number | undefined;
}

/** The text so far, in token ids. */
export interface TextSoFar {
  readonly prompt: readonly number[];
  readonly written: readonly number[];
}

/**
 * Changes logits in place.
 *
 *     repetition   a token of the prompt or of what was written:  l / r where l > 0, l * r elsewhere
 *     frequency    a token written n times:                       l - n * f
 *     presence     a token written at all:                        l - p
 *
 * @param logits - [dVocab]
 * @source repetition: Keskar et al. 2019, arXiv:1909.05858, section 4.1; frequency and presence: the OpenAI API reference
 */
export function penalise(
  logits: Float32Array,
  { prompt, written }: TextSoFar,
  {
    logitBias = new Map(),
    repetitionPenalty = 1,
    frequencyPenalty = 0,
    presencePenalty = 0,
  }: Penalties,
): void {
  for (const [id, bias] of logitBias) logits[id]! += bias;
  if (repetitionPenalty !== 1) {
    for (const id of new Set([...prompt, ...written])) {
      const logit = logits[id]!;
      logits[id] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
    }
  }
  if (frequencyPenalty === 0 && presencePenalty === 0) return;
  const times = new Map<number, number>();
  for (const id of written) times.set(id, (times.get(id) ?? 0) + 1);
  for (const [id, n] of times) logits[id]! -= n * frequencyPenalty + presencePenalty;
}

/** Whether there is anything to change. */
export function isPenalised(penalties: Penalties): boolean {
  const { logitBias, repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = penalties;
  const hasBias = logitBias !== undefined && logitBias.size > 0;
  return hasBias || repetitionPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0;
}
