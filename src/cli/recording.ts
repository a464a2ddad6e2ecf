// What was recorded inside a network: summaries to look at, tensors to save. Of a generation, one row for each token that was read, with
// labels that say which token of which text it was.

import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import type { TensorToStore } from "../checkpoints/safetensors.ts";
import type { GeneratedToken } from "../network/open-row.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { selectSites } from "../network/sites.ts";
import { table } from "../report/index.ts";
import type { Section } from "../report/index.ts";

/** A recorded value and its summary. */
export interface Captured {
  readonly site: string;
  readonly shape: readonly number[];
  readonly mean: number;
  readonly std: number;
  /** L2 norm of all numbers. */
  readonly norm: number;
  readonly data: Float32Array;
}

/** A value with its summary. */
export function captured(site: string, shape: readonly number[], data: Float32Array): Captured {
  let [sum, squares] = [0, 0];
  for (const x of data) {
    sum += x;
    squares += x * x;
  }
  const mean = sum / data.length;
  let spread = 0;
  for (const x of data) spread += (x - mean) ** 2;
  const std = Math.sqrt(spread / data.length);
  return { site, shape, mean, std, norm: Math.sqrt(squares), data };
}

/** The summaries as a table. */
export function capturedTable(all: readonly Captured[], note?: string): Section {
  return table({
    columns: ["site", "shape", "mean", "std", "norm"],
    rows: all.map(({ site, shape, mean, std, norm }) => [
      site,
      `[${shape.join(", ")}]`,
      mean,
      std,
      norm,
    ]),
    ...(note === undefined ? {} : { note }),
  });
}

/** What `--json` says of recorded values. */
export function capturedJson(all: readonly Captured[]): readonly unknown[] {
  return all.map(({ data, ...rest }) => ({ ...rest, values: Array.from(data) }));
}

/** A place of a text, as a generation names it. */
type ReadPlace = NonNullable<GeneratedToken["places"][number][number]>;

/** Which token of which text a row was recorded at; the four lists have one length. */
export interface RowLabels {
  /** The continuation; a prompt that several go on with is recorded once, with the first of them. */
  readonly row: number[];
  /** Counted from 0 at the first token of the text. */
  readonly position: number[];
  /** Id of the token that was read. */
  readonly token: number[];
  /** Whether the token was in the prompt or was generated. */
  readonly phase: ("prompt" | "generated")[];
}

/** Collects what a generation captures, a row for each token that is read, in the order in which they are read. */
export class GenerationRecord {
  readonly labels: RowLabels = { row: [], position: [], token: [], phase: [] };
  readonly #count: number;
  readonly #rows = new Map<string, { shape: readonly number[]; rows: Float32Array[] }>();
  /** Passes that are in already; the rows of a batch share them. */
  readonly #passes = new WeakSet<object>();
  /** Tokens that are in already: some networks read a text again where it grows longer. */
  readonly #tokens = new Set<string>();

  /**
   * @param capture - names or patterns of sites
   * @param count - continuations of each prompt
   * @throws PatchClampError `UNKNOWN_SITE` when a name matches none, `UNSUPPORTED` when a value has no row of its own for every token
   */
  constructor(net: LanguageNetwork, capture: readonly string[], count: number) {
    const wanted = new Set(selectSites("generate", net.space, capture));
    const odd = net
      .sites()
      .find(({ name, axes }) => wanted.has(name) && !(axes[0] === "batch" && axes[1] === "pos"));
    if (odd !== undefined) {
      throw new PatchClampError("UNSUPPORTED", {
        where: "generate",
        problem: `"${odd.name}" is [${odd.axes.join(", ")}], which grows with the text, so it has no rows to record one after the other.`,
        fix: "record it with `patchclamp capture`, or choose a site that begins with [batch, pos].",
        facts: { site: odd.name },
      });
    }
    this.#count = count;
  }

  /** Takes what was captured in the pass that predicted a token. */
  async add({ activations, places }: GeneratedToken): Promise<void> {
    if (this.#passes.has(activations)) return;
    this.#passes.add(activations);
    const kept = places.flatMap((row, i) =>
      row.flatMap((place, pos) => {
        if (place === null) return [];
        // the rows of a prompt's pass are prompts, those of later passes continuations
        const own = place.phase === "prompt" ? place.row * this.#count : place.row;
        const key = `${own} ${place.position}`;
        if (this.#tokens.has(key)) return [];
        this.#tokens.add(key);
        this.#label({ ...place, row: own });
        return [i * row.length + pos];
      }),
    );
    for (const [site, value] of Object.entries(activations)) {
      const shape = value.shape.slice(2);
      const width = shape.reduce((product, size) => product * size, 1);
      const numbers = await value.numbers();
      const own = this.#rows.get(site) ?? { shape, rows: [] };
      for (const at of kept) {
        own.rows.push(Float32Array.from(numbers.slice(at * width, (at + 1) * width)));
      }
      this.#rows.set(site, own);
    }
  }

  /** Everything so far, one value a site: [row, ...]. */
  all(): Captured[] {
    return [...this.#rows].map(([site, { shape, rows }]) => {
      const data = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const row of rows) {
        data.set(row, at);
        at += row.length;
      }
      return captured(site, [rows.length, ...shape], data);
    });
  }

  /** The same as tensors to be saved, with `label.*` beside them; a phase of 0 is the prompt, 1 what was generated. */
  tensors(): Record<string, TensorToStore> {
    const { row, position, token, phase } = this.labels;
    const label = (numbers: readonly number[]): TensorToStore => ({
      shape: [numbers.length],
      data: Int32Array.from(numbers),
    });
    return {
      ...Object.fromEntries(this.all().map(({ site, shape, data }) => [site, { shape, data }])),
      "label.row": label(row),
      "label.position": label(position),
      "label.token": label(token),
      "label.phase": label(phase.map((name) => (name === "prompt" ? 0 : 1))),
    };
  }

  /** "Rows are 12 tokens that were read: 8 of prompts, 4 generated." */
  summary(): string {
    const { phase } = this.labels;
    const prompt = phase.filter((name) => name === "prompt").length;
    return `Rows are ${plural(phase.length, "token")} that were read: ${prompt} of prompts, ${phase.length - prompt} generated.`;
  }

  #label({ row, position, id, phase }: ReadPlace): void {
    this.labels.row.push(row);
    this.labels.position.push(position);
    this.labels.token.push(id);
    this.labels.phase.push(phase);
  }
}
