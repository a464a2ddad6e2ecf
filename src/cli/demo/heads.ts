// Patching: which attention head matters, by which words a name travels, and what is lost without a head.

import type { LanguageNetwork } from "../../network/language.ts";
import { everyLayerAndPosition } from "../../network/sweep.ts";
import type { Cells, SweepResult } from "../../network/sweep.ts";
import { tensor } from "../../runtime/index.ts";
import type { Tensor } from "../../runtime/index.ts";
import type { GiftPrompt } from "../../worlds/index.ts";
import { largest, meanOf } from "./chapter.ts";

/** A gift and a twin of it, in which another name is right. */
export interface Twins {
  readonly gift: GiftPrompt;
  readonly twin: string;
  /** What is right in the twin. */
  readonly twinAnswer: string;
}

/** Logit of the gift's answer minus logit of the twin's, after the last position: [rows] of [rows, pos, dVocab]. */
function preference(net: LanguageNetwork, { gift, twinAnswer }: Twins): (logits: Tensor) => Tensor {
  const weights = new Float32Array(net.config.dVocab);
  weights[net.tokenizer.id(gift.answer)!] = 1;
  weights[net.tokenizer.id(twinAnswer)!] = -1;
  const contrast = tensor(weights, { shape: [weights.length, 1] });
  return (logits) => logits.slice({ axis: 1, start: -1 }).squeeze(1).matmul(contrast).squeeze(1);
}

/** 0 where the twin stays as it is, 1 where it becomes the gift. */
function restored({ values, clean, corrupt }: SweepResult): number[][] {
  return values.map((row) => row.map((value) => (value - corrupt) / (clean - corrupt)));
}

/** Every head, at the last position alone. */
const headsAtTheEnd: Cells = ({ config: { nLayers, nHeads } }, tokens) => {
  const position = tokens.length - 1;
  const layers = Array.from({ length: nLayers }, (_, layer) => layer);
  const heads = Array.from({ length: nHeads }, (_, head) => head);
  return {
    rows: layers.map(String),
    columns: heads.map(String),
    cells: layers.map((layer) =>
      heads.map((head) => ({ site: `blocks.${layer}.attn.z`, position, head })),
    ),
  };
};

/** One head. */
export interface Head {
  readonly layer: number;
  readonly head: number;
}

/** What patching every head by itself did. */
export interface HeadSearch {
  /** Share of the preference that each head restores, mean over prompts: [layer][head]. */
  readonly grid: readonly (readonly number[])[];
  /** The head that restores most. */
  readonly best: Head;
  readonly restored: number;
  /** Share of the twins whose answer the best head turns by itself. */
  readonly flips: number;
}

/** Copies every head's value at the last position, one at a time, from each gift into its twin. */
export async function searchHeads(
  net: LanguageNetwork,
  pairs: readonly Twins[],
): Promise<HeadSearch> {
  const sweeps: SweepResult[] = [];
  for (const pair of pairs) {
    const [clean, corrupt] = [pair.gift.prompt, pair.twin];
    sweeps.push(
      await net.sweep({ clean, corrupt, cells: headsAtTheEnd, metric: preference(net, pair) }),
    );
  }
  const grid = meanGrid(sweeps.map(restored));
  const at = largest(grid.flat());
  const [layer, head] = [Math.floor(at / grid[0]!.length), at % grid[0]!.length];
  const flips = meanOf(sweeps.map(({ values }) => (values[layer]![head]! > 0 ? 1 : 0)));
  return { grid, best: { layer, head }, restored: grid[layer]![head]!, flips };
}

/** How much of a name each word carries on its way to the last one. */
export interface Travel {
  /** The words of the first prompt, by position. */
  readonly words: readonly string[];
  /** Share of the preference that everything at one position restores, before each layer: [layer][position]. */
  readonly grid: readonly (readonly number[])[];
}

/** Copies the residual stream of one position at a time; the prompts have their words at equal positions. */
export async function travel(net: LanguageNetwork, pairs: readonly Twins[]): Promise<Travel> {
  const cells = everyLayerAndPosition("resid_pre");
  const sweeps: SweepResult[] = [];
  for (const pair of pairs) {
    const [clean, corrupt] = [pair.gift.prompt, pair.twin];
    sweeps.push(await net.sweep({ clean, corrupt, cells, metric: preference(net, pair) }));
  }
  return { words: sweeps[0]!.columns, grid: meanGrid(sweeps.map(restored)) };
}

function meanGrid(grids: readonly (readonly (readonly number[])[])[]): number[][] {
  return grids[0]!.map((row, i) => row.map((_, j) => meanOf(grids.map((grid) => grid[i]![j]!))));
}

/** Mean preference for the right name in nats, with one head silenced or none. */
export async function preferenceWithout(
  net: LanguageNetwork,
  pairs: readonly Twins[],
  silenced?: Head,
): Promise<number> {
  const gains = new Float32Array(net.config.nHeads).fill(1);
  if (silenced !== undefined) gains[silenced.head] = 0;
  const gain = tensor(gains, { shape: [gains.length, 1] });
  const edit = { [`blocks.${silenced?.layer ?? 0}.attn.z`]: (z: Tensor) => z.mul(gain) };
  const found: number[] = [];
  for (const pair of pairs) {
    const { logits } = net.trace(pair.gift.prompt, { edit });
    found.push(await preference(net, pair)(logits).item());
  }
  return meanOf(found);
}

/** `head 3 of layer 2`. */
export function nameOf({ layer, head }: Head): string {
  return `head ${head} of layer ${layer}`;
}

export function isSameHead(a: Head, b: Head): boolean {
  return a.layer === b.layer && a.head === b.head;
}
