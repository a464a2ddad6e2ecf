// The standard names of what an ONNX graph computes, found by its structure: names in exports are made by tools and differ.

import type { OnnxGraph } from "../../onnx/model.ts";
import type { Tensor } from "../../runtime/index.ts";
import { plural } from "../../core/text.ts";
import type { SiteMeanings } from "../sites.ts";
import type { Found } from "./attention-sites.ts";
import { attentionSites } from "./attention-sites.ts";
import type { Block } from "./blocks.ts";
import { blocksOf } from "./blocks.ts";
import { GraphView } from "./graph-view.ts";
import { mlpSites } from "./mlp-sites.ts";
import { normOf } from "./norms.ts";
import { lastProjection } from "./projections.ts";
import type { Stream } from "./stream.ts";
import { findStream } from "./stream.ts";

/** What was found in a graph. */
export interface Recognised {
  /** Standard site names by the names of values; a value at the end of a block is the beginning of the next. */
  readonly sites: ReadonlyMap<string, readonly string[]>;
  /** In words: what was recognised, and what not and why. */
  readonly report: readonly string[];
  /** Why a standard site is not there, by its name without the block. */
  readonly absent: Readonly<Record<string, string>>;
  /** What sites are where that is not what the standard name means. */
  readonly meanings: SiteMeanings;
}

/**
 * Finds the standard sites of a graph.
 *
 * The residual stream is the longest chain of sums in which each adds something to the one before that was computed from it. A step that
 * has a softmax over keys in it (or an operator that is attention) is one of attention, any other one of an MLP. Names of values are not
 * looked at; the tokens are the input that is called `input_ids`. A name is given to a value only where it has the axes and the meaning that
 * the name stands for.
 *
 * @param traced - the values of the graph by name for one input, those within nodes too
 * @param batch - rows of that input
 */
export function recognise(
  graph: OnnxGraph,
  traced: ReadonlyMap<string, Tensor>,
  batch: number,
): Recognised {
  const view = new GraphView(graph, traced);
  const names = new Names(view);
  const stream = findStream(view);
  const tables = tokenTables(view, stream);
  nameEmbedding(names, tables);
  if (stream === undefined) names.say(noStream(view));
  else nameBlocks(names, stream, batch);
  nameLogits(names, tables);
  return names.recognised(stream);
}

/** Names given so far. */
class Names {
  readonly view: GraphView;
  readonly #values = new Map<string, string>();
  readonly #report: string[] = [];
  readonly #absent: Record<string, string> = {};

  constructor(view: GraphView) {
    this.view = view;
  }

  /** Gives a value a name, unless the trace did not come by the value or another has the name. */
  give(site: string, value: string): boolean {
    if (!this.view.has(value) || this.#values.has(site)) return false;
    this.#values.set(site, value);
    return true;
  }

  say(sentence: string): void {
    this.#report.push(sentence);
  }

  lack(site: string, why: string): void {
    this.#absent[site] ??= why;
  }

  recognised(stream: Stream | undefined): Recognised {
    const sites = new Map<string, string[]>();
    for (const [site, value] of this.#values) sites.set(value, [...(sites.get(value) ?? []), site]);
    const reasons = new Map<string, string[]>();
    for (const [site, why] of Object.entries(this.#absent))
      reasons.set(why, [...(reasons.get(why) ?? []), site]);
    const missing = [...reasons].map(
      ([why, lacking]) => `Not named: ${lacking.join(", ")}, as ${why}.`,
    );
    const isNormed = stream?.isNormed === true;
    return {
      sites,
      report: [...this.#report, ...missing],
      absent: this.#absent,
      meanings: {
        ...(isNormed ? normedMeanings : {}),
        logits: logitsMeaning(this.view, this.#values.get("logits")),
      },
    };
  }
}

const STREAM = "batch pos dModel";

const normedMeanings: SiteMeanings = {
  "blocks.{i}.resid_mid": [STREAM, "normalised residual stream after attention"],
  "blocks.{i}.resid_post": [STREAM, "normalised residual stream after the block"],
  "blocks.{i}.ln1.normalized": [STREAM, "residual stream after attention, before gain and bias"],
  "blocks.{i}.ln2.normalized": [STREAM, "residual stream after the MLP, before gain and bias"],
};

/** What is called so: recognised, or by the file alone. */
function logitsMeaning(view: GraphView, value: string | undefined): SiteMeanings[string] {
  return value === undefined
    ? [view.shape("logits").join(" "), "output that the file calls so"]
    : ["batch pos dVocab", "scores of tokens, in nats"];
}

function noStream(view: GraphView): string {
  const images = view.sums.filter(({ out }) => view.shape(out).length === 4).length;
  const instead =
    images > 0 ? `; it adds ${plural(images, "time")} to images, as convolutional networks do` : "";
  return `No residual stream was found: the graph never adds to a value of [batch, pos, width] what it computed from it${instead}. No site of a block has a standard name.`;
}

function nameBlocks(names: Names, stream: Stream, batch: number): void {
  const { view } = names;
  const { blocks, kinds, outside } = blocksOf(view, stream);
  const width = view.shape(stream.links[0]!.sum.out).at(-1);
  const count = plural(stream.links.length, "sum");
  if (blocks.length === 0) {
    names.say(
      `A residual stream of ${count} and width ${width} was found, but ${/[AX]/.test(kinds) ? `its steps (${kinds}; A attends, X attends to another input, M does not attend) are no blocks of attention and MLP` : "nothing that is added to it attends"}, so no site of a block has a standard name.`,
    );
    return;
  }
  const shape = view.shape(blocks[0]!.before);
  if (shape.length !== 3 || shape[0] !== batch) {
    names.say(
      `A residual stream of ${count} was found, but its values are [${shape.join(", ")}] and not [batch, pos, dModel], so no site of a block has a standard name.`,
    );
    return;
  }
  const form = blocks[0]!.mid === undefined ? "side by side" : "one after the other";
  names.say(
    `A residual stream of ${count} and width ${width} was found: ${plural(blocks.length, "block")} with attention and MLP ${form}${stream.isNormed ? ", the stream normalised after each" : ""}.`,
  );
  if (outside > 0)
    names.say(
      `Of its ${kinds.length} steps (${kinds}), ${outside} are in no block and have no standard names.`,
    );
  for (const length of stream.others)
    names.say(
      `Another stream of ${plural(length, "sum")} has no standard names: one is named, the longest.`,
    );
  for (const [i, block] of blocks.entries()) nameBlock(names, stream, block, `blocks.${i}.`);
  if (stream.isNormed) return;
  giveNormalized(names, "ln_final.normalized", normsOf(view, stream.states.at(-1)!));
}

function nameBlock(names: Names, stream: Stream, block: Block, at: string): void {
  const { view } = names;
  const { before, after, mid, cross, afterCross, attention, mlp } = block;
  const [rows = 0, pos = 0] = view.shape(before);
  names.give(`${at}resid_pre`, before);
  nameWritten(names, stream, `${at}attn_out`, attention.out);
  nameFound(names, at, "attn.", attentionSites(view, attention, [rows, pos]));
  if (mid === undefined)
    names.lack(
      "resid_mid",
      "attention and MLP read the same stream, so there is none between them",
    );
  else names.give(`${at}resid_mid`, mid);
  if (cross !== undefined) {
    nameWritten(names, stream, `${at}cross_out`, cross.out);
    nameFound(names, at, "cross.", attentionSites(view, cross, [rows, pos]));
    names.give(`${at}resid_cross`, afterCross!);
  }
  nameFound(names, at, "mlp.", mlpSites(view, mlp));
  nameWritten(names, stream, `${at}mlp_out`, mlp.out);
  names.give(`${at}resid_post`, after);
  if (stream.isNormed) {
    giveNormalized(names, `${at}ln1.normalized`, mid === undefined ? [] : [mid]);
    giveNormalized(names, `${at}ln2.normalized`, [after]);
    return;
  }
  giveNormalized(names, `${at}ln1.normalized`, [...attention.entries]);
  if (cross !== undefined) giveNormalized(names, `${at}ln_cross.normalized`, [...cross.entries]);
  giveNormalized(names, `${at}ln2.normalized`, [...mlp.entries]);
}

/** What is added to the stream, where it is added alone and has the stream's axes. */
function nameWritten(names: Names, stream: Stream, site: string, value: string): void {
  const short = site.replace(/^blocks\.\d+\./, "");
  const { view } = names;
  const link = stream.links.find(({ added }) => added === value);
  if (link?.sum.hasBias === true) {
    names.lack(short, "its bias is added in the operator that adds it to the stream");
  } else if (view.shape(value).length !== 3) {
    names.lack(short, `the graph has it as [${view.shape(value).join(", ")}]`);
  } else {
    names.give(site, value);
  }
}

function nameFound(names: Names, at: string, scope: string, found: Found): void {
  for (const [name, one] of found) {
    if ("why" in one) names.lack(scope + name, one.why);
    else if (!names.give(at + scope + name, one.value))
      names.lack(scope + name, "the operator that computes it does not show it");
  }
}

/** The outputs of norms of a value of the stream. */
function normsOf(view: GraphView, state: string): string[] {
  const outputs = view.graph.nodes.flatMap((node) => node.outputs.slice(0, 1));
  return outputs.filter((output) => {
    const norm = normOf(view, output);
    return norm !== undefined && view.root(norm.x) === view.root(state);
  });
}

/** The normalised value of a norm that the graph takes apart, of which `outputs` are values. */
function giveNormalized(names: Names, site: string, outputs: readonly string[]): void {
  const { view } = names;
  const norms = outputs.flatMap((output) => normOf(view, view.root(output)) ?? []);
  const found = new Set(norms.flatMap(({ normalized }) => normalized ?? []));
  const [value] = found;
  const short = site.replace(/^blocks\.\d+\./, "");
  if (norms.length === 0) {
    names.lack(short, "the stream is read without a norm there");
    return;
  }
  if (value !== undefined && found.size === 1 && view.shape(value).length === 3)
    names.give(site, value);
  else
    names.lack(
      short,
      "the norm is one operator with its gain, so the value before the gain is not in the graph",
    );
}

/** A table that is read by tokens. */
interface TokenTable {
  /** What is read, where the graph has it. */
  readonly rows: string | undefined;
  readonly size: number;
}

/** Tables that are read by inputs of tokens and lead to the stream. */
function tokenTables(view: GraphView, stream: Stream | undefined): TokenTable[] {
  return view.graph.nodes.flatMap(({ opType, inputs, outputs }) => {
    const [a = "", b = "", c = ""] = inputs;
    const isEmbedding = opType === "EmbedLayerNormalization";
    const [table, tokens] = isEmbedding ? [c, a] : [a, b];
    const size = view.constantShape(table)?.[0];
    if (!isEmbedding && opType !== "Gather" && opType !== "GatherBlockQuantized") return [];
    if (size === undefined || !/(?:^|_)input_ids$/.test(view.root(tokens))) return [];
    const out = outputs[0]!;
    const isOwn = stream === undefined || view.dependsOn(stream.states[0]!, out);
    return isOwn ? [{ rows: isEmbedding ? undefined : out, size }] : [];
  });
}

/** What the tokens read of their table. */
function nameEmbedding(names: Names, tables: readonly TokenTable[]): void {
  const { view } = names;
  const [table] = tables;
  if (tables.length !== 1 || table === undefined) {
    names.lack("embed", "no single table is read by an input that is called input_ids");
    return;
  }
  if (table.rows === undefined || view.shape(table.rows).length !== 3) {
    names.lack("embed", "the operator that reads the table does not show what it reads");
    return;
  }
  // what is looked up of a table of whole numbers stands for real ones
  const [reader, ...others] = view.readers(table.rows);
  const isWhole = reader?.opType === "DequantizeLinear" && others.length === 0;
  const rows = isWhole ? reader.outputs[0]! : table.rows;
  // a constant factor belongs to the embedding
  const [after, ...more] = view.readers(rows).map(({ outputs }) => outputs[0]!);
  const isScaled =
    after !== undefined &&
    more.length === 0 &&
    view.operands(after, "Mul", "Div")?.values.length === 1 &&
    view.shape(after).length === 3;
  names.give("embed", isScaled ? after : rows);
}

/** An output that is a product with weights and has a number for each token of the table. */
function nameLogits(names: Names, tables: readonly TokenTable[]): void {
  const { view } = names;
  const output = view.graph.outputs.find(({ name }) => {
    const shape = view.shape(name);
    const isOfTokens = tables.some(({ size }) => size === shape[2]);
    return shape.length === 3 && isOfTokens && lastProjection(view, name) !== undefined;
  });
  if (output === undefined)
    names.lack("logits", "no output is a product with weights that has a number for each token");
  else names.give("logits", output.name);
}
