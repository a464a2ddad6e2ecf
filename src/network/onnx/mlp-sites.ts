// The standard sites of an MLP in a graph: its hidden units before and after the activation function, and its gates.

import type { Found } from "./attention-sites.ts";
import type { Branch } from "./blocks.ts";
import type { GraphView } from "./graph-view.ts";
import { asRows, lastProjection, projectedFrom } from "./projections.ts";

/** Finds pre, post and gate. */
export function mlpSites(view: GraphView, branch: Branch): Found {
  const found: Found = new Map();
  const read = lastProjection(view, branch.out);
  const post = read === undefined ? undefined : asRows(view, read);
  if (read === undefined || post === undefined || !branch.values.has(post)) {
    const why = read === undefined ? noProduct : notRows;
    return new Map([
      ["post", why],
      ["pre", why],
    ]);
  }
  const sources = hiddenUnits(view, branch, post);
  const rows = [...sources].map((source) => asRows(view, source));
  if (sources.has(post) || sources.size === 0 || sources.size > 2) {
    return new Map([
      ["post", noActivation],
      ["pre", noActivation],
    ]);
  }
  found.set("post", { value: post });
  if (sources.size === 1) {
    found.set("pre", rows[0] === undefined ? notRows : { value: rows[0] });
    return found;
  }
  // the gated units enter the last product of the two as they are, the gates through their function
  const factors = view.operands(view.root(post), "Mul")?.values ?? [];
  const isPlain = (source: string): boolean =>
    factors.some((factor) => view.reshaped(factor).includes(source));
  const plain = [...sources].filter(isPlain);
  const gates = [...sources].filter((source) => !isPlain(source));
  if (plain.length !== 1 || gates.length !== 1) {
    found.set("pre", { why: "which of two projections is the gate is not clear" });
    return found;
  }
  for (const [name, source] of [
    ["pre", plain[0]!],
    ["gate", gates[0]!],
  ] as const) {
    const value = asRows(view, source);
    found.set(name, value === undefined ? notRows : { value });
  }
  return found;
}

const noProduct = { why: "no single product with weights writes what the MLP adds" } as const;

const noActivation = {
  why: "no activation function was recognised before the last product",
} as const;

const notRows = { why: "the graph has them without the axes batch, pos and dMlp" } as const;

/** Operators that activation functions are made of. */
const ACTIVATING =
  /^(?:Add|Sub|Mul|Div|Pow|Neg|Abs|Exp|Log|Sqrt|Min|Max|Clip|Where|Erf|Tanh|Sigmoid|Hard\w+|Relu|LeakyRelu|PRelu|Elu|Selu|Celu|Softplus|Softsign|Mish|Swish|Gelu|FastGelu|BiasGelu|QuickGelu|ThresholdedRelu|Identity|Cast|Dropout|Reshape)$/;

/** The projections that hidden units are an activation function of. */
function hiddenUnits(view: GraphView, branch: Branch, post: string): ReadonlySet<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const open = [post];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at) || !branch.values.has(at)) continue;
    seen.add(at);
    // what an operator adds before its function is shown under a name of its own
    const shown = `${at}/pre_activation`;
    if (view.has(shown)) found.add(shown);
    else if (projectedFrom(view, at) !== undefined) found.add(at);
    else if (ACTIVATING.test(view.maker(at)?.opType ?? "")) open.push(...view.sources(at));
  }
  return found;
}
