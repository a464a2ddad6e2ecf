// Activation patching over many cells in one batched graph. Row 0 of the batch is the corrupt run and row 1 the clean
// one; a cell gets a row of its own where its block begins, a copy of the corrupt row, into which the clean value is
// written at the cell's site. So a cell costs the layers above it and nothing below.

import { PatchClampError } from "../core/errors.ts";
import { evaluate } from "../tensor/evaluate.ts";
import { fromHost } from "../tensor/leaf.ts";
import { concat } from "../tensor/ops/joining.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { LanguageNetwork } from "./language.ts";
import type { Inputs } from "./network.ts";
import { blockCount, selectSite } from "./sites.ts";
import type { Edit } from "./tap.ts";
import { tokenLabel } from "./tokenizer.ts";

/** One thing to patch: a site, at all or one position, for all or one head. */
export interface Cell {
  readonly site: string;
  /** Token position, from the start. Default: all. */
  readonly position?: number;
  /** Index along the axis after the position (q, k, v, z), or along the head axis (scores, pattern). Default: all. */
  readonly head?: number;
}

/** A grid of cells: [rows][columns]. */
export interface CellGrid {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly cells: readonly (readonly Cell[])[];
}

/** Makes a grid for a network and a number of positions. */
export type Cells = (net: LanguageNetwork, tokens: readonly string[]) => CellGrid;

/** Every layer and position of a site such as `resid_pre`, `attn_out` or `mlp_out`. */
export function everyLayerAndPosition(site: string): Cells {
  return (net, tokens) => {
    const layers = layersOf(net);
    return {
      rows: layers.map((layer) => `${layer}`),
      columns: tokens,
      cells: layers.map((layer) =>
        tokens.map((_, position) => ({ site: `blocks.${layer}.${site}`, position })),
      ),
    };
  };
}

/** Every layer and head of a site such as `attn.z` or `attn.pattern`, at all positions. */
export function everyLayerAndHead(site = "attn.z"): Cells {
  return (net) => {
    const layers = layersOf(net);
    const { nHeads, nKvHeads = nHeads } = net.config;
    const count = /^attn\.(?:rot_)?[kv]$/.test(site) ? nKvHeads : nHeads;
    const heads = Array.from({ length: count }, (_, head) => head);
    return {
      rows: layers.map((layer) => `${layer}`),
      columns: heads.map((head) => `${head}`),
      cells: layers.map((layer) =>
        heads.map((head) => ({ site: `blocks.${layer}.${site}`, head })),
      ),
    };
  };
}

function layersOf(net: LanguageNetwork): number[] {
  return Array.from(
    { length: blockCount(net.sites().map(({ name }) => name)) },
    (_, layer) => layer,
  );
}

/** Options of `sweep`. */
export interface SweepOptions {
  /** Prompt whose values are written in. */
  clean: string | readonly number[];
  /** Prompt that is run, of as many tokens as `clean`. */
  corrupt: string | readonly number[];
  /** What to patch, one cell at a time. */
  cells: Cells;
  /** One number for every row, [rows], of the logits [rows, pos, dVocab]. */
  metric: (logits: Tensor) => Tensor;
  /** Most tokens (rows times positions) in one graph; more cells are split over several. Default 8192. */
  maxTokens?: number;
}

/** The result of a sweep. */
export interface SweepResult extends CellGrid {
  /** The metric for every cell, [rows][columns]. */
  readonly values: readonly (readonly number[])[];
  /** The metric of the unpatched runs. */
  readonly clean: number;
  readonly corrupt: number;
}

/**
 * Patches every cell of a grid from the clean into the corrupt run and measures a metric.
 *
 * @throws PatchClampError `BAD_INPUT` when the prompts differ in length or there are no cells, `SHAPE_MISMATCH` when the metric does not give one number a row,
 * `UNKNOWN_SITE` when a cell's site does not exist
 * @source Meng et al. 2022, arXiv:2202.05262 (causal tracing); Wang et al. 2022, arXiv:2211.00593
 */
export async function sweep(net: LanguageNetwork, options: SweepOptions): Promise<SweepResult> {
  const { clean, corrupt, cells, metric, maxTokens = 8192 } = options;
  const rows = net.tokens([tokenRow(net, corrupt), tokenRow(net, clean)]);
  const [own, other] = rows.lengths as [number, number];
  if (own !== other) {
    throw new PatchClampError("BAD_INPUT", {
      where: "sweep",
      problem: `the clean prompt has ${other} tokens and the corrupt one ${own}; their positions cannot be matched.`,
      fix: "choose prompts of equal length.",
    });
  }
  const labels = rows.ids[1]!.map((id) => tokenLabel(net, id));
  const grid = cells(net, labels);
  const flat = grid.cells
    .flat()
    .map((cell) => ({ ...cell, site: selectSite("sweep", net.space, cell.site) }));
  if (flat.length === 0) {
    throw new PatchClampError("BAD_INPUT", {
      where: "sweep",
      problem: "the grid has no cells, so nothing would be patched.",
      fix: "give at least one.",
    });
  }
  const inputs = net.definition.prepare({ prompts: rows.ids });
  const perGraph = Math.max(1, Math.floor(maxTokens / own) - 2);
  const found: number[] = [];
  let baselines = [Number.NaN, Number.NaN];
  for (let start = 0; start < flat.length; start += perGraph) {
    const results = await patched(net, inputs, flat.slice(start, start + perGraph), metric);
    baselines = results.slice(0, 2);
    found.push(...results.slice(2));
  }
  const next = found.values();
  return {
    ...grid,
    values: grid.cells.map((row) => row.map(() => next.next().value!)),
    corrupt: baselines[0]!,
    clean: baselines[1]!,
  };
}

function tokenRow(net: LanguageNetwork, prompt: string | readonly number[]): readonly number[] {
  return typeof prompt === "string" ? net.tokenizer.encode(prompt) : prompt;
}

/** The metric of [corrupt, clean, ...cells], in one graph. */
async function patched(
  net: LanguageNetwork,
  inputs: Inputs,
  cells: readonly Cell[],
  metric: SweepOptions["metric"],
): Promise<number[]> {
  const edits = new Map<string, Edit[]>();
  const order: Cell[] = [];
  // rows are added where the pass meets each spawning site, so groups take their rows in network order
  const groups = groupBy(cells, spawnSite);
  for (const spawn of net.space.sites) {
    const group = groups.get(spawn);
    if (group === undefined) continue;
    // cells of one spawning site that lie at the same site are patched together
    const bySite = [...groupBy(group, (cell) => cell.site)];
    addEdit(edits, spawn, (x) => withCopies(spawn, x, group.length));
    for (const [site, own] of bySite) {
      const start = order.length + 2;
      addEdit(edits, site, (x, { site: name }) => patchRows(name, x, start, own));
      order.push(...own);
    }
  }
  const sites = net.applyTap(inputs, { edits, canGrow: true });
  const values = metric(sites.get("logits")!);
  if (values.shape.join() !== String(order.length + 2)) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "sweep",
      problem: `the metric gave shape [${values.shape.join(", ")}] for ${order.length + 2} rows.`,
      fix: "return one number a row, such as logits.slice({ axis: 1, start: -1 }) at an id, squeezed to [rows].",
    });
  }
  await evaluate([values]);
  const numbers = await values.numbers();
  const byCell = new Map(order.map((cell, i) => [cell, numbers[i + 2]!]));
  return [numbers[0]!, numbers[1]!, ...cells.map((cell) => byCell.get(cell)!)];
}

/** Where a cell's row begins: its block's input, unless its site is the whole residual stream. */
function spawnSite({ site }: Cell): string {
  const block = /^(blocks\.\d+)\.(.+)$/.exec(site);
  if (block === null || /^resid_(?:pre|mid|post)$/.test(block[2]!)) return site;
  return `${block[1]}.resid_pre`;
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

function addEdit(edits: Map<string, Edit[]>, site: string, edit: Edit): void {
  edits.set(site, [...(edits.get(site) ?? []), edit]);
}

/** `x` with `count` copies of the corrupt row behind it. */
function withCopies(site: string, x: Tensor, count: number): Tensor {
  if (x.shape[0] === 1) {
    throw new PatchClampError("BAD_INPUT", {
      where: "sweep",
      problem: `"${site}" has one value for both prompts, so there is nothing to patch.`,
      fix: "leave its cells out.",
      facts: { site },
    });
  }
  const row = x.slice({ axis: 0, end: 1 });
  return concat([x, row.broadcastTo(row.shape.with(0, count))], { axis: 0 });
}

/** `x` with the clean row's value written into the rows of `cells`, which begin at `start`. */
function patchRows(site: string, x: Tensor, start: number, cells: readonly Cell[]): Tensor {
  const end = start + cells.length;
  const own = x.slice({ axis: 0, start, end });
  const clean = x.slice({ axis: 0, start: 1, end: 2 });
  const written = maskOf(site, x, cells).where(clean, own);
  const parts = [x.slice({ axis: 0, end: start }), written];
  if (end < x.shape[0]!) parts.push(x.slice({ axis: 0, start: end }));
  return concat(parts, { axis: 0 });
}

/** Where each cell's row takes the clean value: bool, [cells, ...] with size 1 on axes taken whole. */
function maskOf(site: string, x: Tensor, cells: readonly Cell[]): Tensor {
  const isMatrix = /\.attn\.(?:scores|pattern)$/.test(site);
  const axes = isMatrix ? { head: 1, position: 2 } : { position: 1, head: 2 };
  const shape = x.shape.map((size, axis) => (axis === 0 ? cells.length : axis <= 2 ? size : 1));
  const data = new Uint8Array(shape.reduce((product, size) => product * size, 1));
  const [, second = 1, third = 1] = shape;
  for (const [row, { position, head }] of cells.entries()) {
    const wanted = [axes.position === 1 ? position : head, axes.position === 1 ? head : position];
    check(site, "position", position, x.shape[axes.position]);
    check(site, "head", head, x.rank === 4 ? x.shape[axes.head] : undefined);
    for (let i = 0; i < second; i++) {
      for (let j = 0; j < third; j++) {
        const isIn = (wanted[0] ?? i) === i && (wanted[1] ?? j) === j;
        if (isIn) data[(row * second + i) * third + j] = 1;
      }
    }
  }
  return fromHost(data, { shape, dtype: "bool" });
}

function check(
  site: string,
  what: string,
  index: number | undefined,
  size: number | undefined,
): void {
  if (
    index === undefined ||
    (size !== undefined && Number.isInteger(index) && index >= 0 && index < size)
  )
    return;
  throw new PatchClampError("BAD_OPTION", {
    where: "sweep",
    problem: `${what} ${index} does not exist at "${site}"${size === undefined ? ", which has no heads" : `, which has ${size}`}.`,
  });
}
