import * as fc from "fast-check";
import { expect, test } from "vitest";

import { memoryFiles } from "../../core/files.ts";
import { Rng } from "../../core/rng.ts";
import { openOnnx } from "../../checkpoints/open-onnx.ts";
import type { InitializerForm, NodeForm } from "../../onnx/proto.ts";
import { encodeModel } from "../../onnx/proto.ts";
import type { OnnxNetwork } from "./onnx-network.ts";

/** How the blocks of a made-up decoder are built. */
interface Plan {
  readonly layers: number;
  /** Norms before the modules; after the sums; both modules in one sum; both modules on the same stream, added in turn. */
  readonly form: "before" | "after" | "parallel" | "beside";
  readonly isNormApart: boolean;
  readonly isGated: boolean;
  /** Seeds the names of values and the order of operands. */
  readonly seed: number;
  /** Whether positions come before the batch. */
  readonly isTurned?: boolean;
}

const [WIDTH, HEADS, SIZE, HIDDEN, WORDS] = [8, 2, 4, 12, 11];

/** Writes a graph, and remembers which value is at which site. */
class Maker {
  readonly nodes: NodeForm[] = [];
  readonly initializers: InitializerForm[] = [];
  readonly sites = new Map<string, string>();
  readonly #rng: Rng;

  constructor(seed: number) {
    this.#rng = new Rng(seed);
  }

  /** A node; names say nothing. */
  node(opType: string, inputs: readonly string[], attrs: NodeForm["attrs"] = {}): string {
    const out = `v${this.#rng.below(1e9)}/${this.nodes.length}`;
    this.nodes.push({ name: "", opType, domain: "", inputs, outputs: [out], attrs });
    return out;
  }

  add(a: string, b: string): string {
    return this.node("Add", this.#rng.below(2) === 0 ? [a, b] : [b, a]);
  }

  constant(
    shape: readonly number[],
    value?: readonly number[],
    type: "ints" | "floats" = "floats",
  ) {
    const name = `c${this.initializers.length}`;
    const count = shape.reduce((a, b) => a * b, 1);
    const numbers = value ?? Array.from({ length: count }, () => this.#rng.normal());
    const data = type === "ints" ? BigInt64Array.from(numbers, BigInt) : Float32Array.from(numbers);
    const bytes = new Uint8Array(data.buffer);
    this.initializers.push({ name, onnxType: type === "ints" ? 7 : 1, shape, bytes });
    return name;
  }

  linear(x: string, from: number, to: number): string {
    return this.add(this.node("MatMul", [x, this.constant([from, to])]), this.constant([to]));
  }
}

function norm(make: Maker, x: string, isApart: boolean, site: string): string {
  if (!isApart)
    return make.node("LayerNormalization", [x, make.constant([WIDTH]), make.constant([WIDTH])]);
  const centred = make.node("Sub", [x, make.node("ReduceMean", [x], { axes: [-1] })]);
  const square = make.node("Pow", [centred, make.constant([], [2])]);
  const variance = make.node("ReduceMean", [square], { axes: [-1] });
  const root = make.node("Sqrt", [make.add(variance, make.constant([], [1e-5]))]);
  const normalized = make.node("Div", [centred, root]);
  make.sites.set(site, normalized);
  return make.add(make.node("Mul", [normalized, make.constant([WIDTH])]), make.constant([WIDTH]));
}

function attention(make: Maker, x: string, at: string): string {
  const split = make.constant([4], [0, 0, HEADS, SIZE], "ints");
  const byHead = (name: string, perm: readonly number[]): string => {
    const rows = make.node("Reshape", [make.linear(x, WIDTH, WIDTH), split]);
    make.sites.set(`${at}attn.${name}`, rows);
    return make.node("Transpose", [rows], { perm });
  };
  const [q, k, v] = [
    byHead("q", [0, 2, 1, 3]),
    byHead("k", [0, 2, 3, 1]),
    byHead("v", [0, 2, 1, 3]),
  ];
  const raw = make.node("Div", [make.node("MatMul", [q, k]), make.constant([], [2])]);
  const scores = make.add(raw, make.constant([1, 1, 1, 1]));
  const pattern = make.node("Softmax", [scores], { axis: -1 });
  const z = make.node("Transpose", [make.node("MatMul", [pattern, v])], { perm: [0, 2, 1, 3] });
  for (const [name, value] of Object.entries({ scores, pattern, z }))
    make.sites.set(`${at}attn.${name}`, value);
  const joined = make.node("Reshape", [z, make.constant([3], [0, 0, WIDTH], "ints")]);
  const out = make.linear(joined, WIDTH, WIDTH);
  make.sites.set(`${at}attn_out`, out);
  return out;
}

function mlp(make: Maker, x: string, at: string, isGated: boolean): string {
  const pre = make.linear(x, WIDTH, HIDDEN);
  make.sites.set(`${at}mlp.pre`, pre);
  let post = make.node("Relu", [pre]);
  if (isGated) {
    const gate = make.linear(x, WIDTH, HIDDEN);
    make.sites.set(`${at}mlp.gate`, gate);
    post = make.node("Mul", [make.node("Mul", [gate, make.node("Sigmoid", [gate])]), pre]);
  }
  make.sites.set(`${at}mlp.post`, post);
  const out = make.linear(post, HIDDEN, WIDTH);
  make.sites.set(`${at}mlp_out`, out);
  return out;
}

function block(make: Maker, x: string, at: string, { form, isNormApart, isGated }: Plan): string {
  const site = (name: string, value: string): string => {
    make.sites.set(at + name, value);
    return value;
  };
  const normed = (y: string, name: string): string =>
    norm(make, y, isNormApart, `${at}${name}.normalized`);
  site("resid_pre", x);
  if (form === "after") {
    const mid = site("resid_mid", normed(make.add(x, attention(make, x, at)), "ln1"));
    return site("resid_post", normed(make.add(mid, mlp(make, mid, at, isGated)), "ln2"));
  }
  const attended = attention(make, normed(x, "ln1"), at);
  if (form === "before") {
    const mid = site("resid_mid", make.add(x, attended));
    return site("resid_post", make.add(mid, mlp(make, normed(mid, "ln2"), at, isGated)));
  }
  const written = mlp(make, normed(x, "ln2"), at, isGated);
  const sum =
    form === "parallel"
      ? make.add(make.add(written, attended), x)
      : make.add(make.add(x, attended), written);
  return site("resid_post", sum);
}

/** A decoder of random weights as an ONNX file, and the values at its sites by their names in the file. */
function decoder(plan: Plan): { file: Uint8Array; sites: ReadonlyMap<string, string> } {
  const make = new Maker(plan.seed);
  const embedded = make.node("Gather", [make.constant([WORDS, WIDTH]), "input_ids"]);
  let x =
    plan.isTurned === true ? make.node("Transpose", [embedded], { perm: [1, 0, 2] }) : embedded;
  make.sites.set("embed", embedded);
  // the stream begins behind a sum that adds nothing computed from it
  x = make.add(x, make.constant([1, 1, WIDTH]));
  for (let i = 0; i < plan.layers; i++) x = block(make, x, `blocks.${i}.`, plan);
  const last = plan.form === "after" ? x : norm(make, x, plan.isNormApart, "ln_final.normalized");
  const logits = make.node("MatMul", [last, make.constant([WIDTH, WORDS])]);
  make.sites.set("logits", logits);
  const file = encodeModel({
    opsets: { "": 17 },
    nodes: make.nodes,
    initializers: make.initializers,
    inputs: [{ name: "input_ids", onnxType: 7, shape: ["batch", "pos"] }],
    outputs: [{ name: logits, onnxType: 1, shape: ["batch", "pos", WORDS] }],
  });
  return { file, sites: make.sites };
}

async function opened(file: Uint8Array): Promise<OnnxNetwork> {
  return openOnnx(memoryFiles({ "model.onnx": file }), "model.onnx");
}

const plans = fc.record({
  layers: fc.integer({ min: 2, max: 4 }),
  form: fc.constantFrom("before", "after", "parallel", "beside"),
  isNormApart: fc.boolean(),
  isGated: fc.boolean(),
  seed: fc.nat(),
}) satisfies fc.Arbitrary<Plan>;

test("every site of a decoder is found whatever its values are called and in whichever order they are added", async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const { file, sites } = decoder(plan);
      const net = await opened(file);
      const found = [...net.recognised.sites].flatMap(([value, names]) =>
        names.map((name) => [name, value] as const),
      );
      const lines = (pairs: Iterable<readonly [string, string]>): string[] =>
        [...pairs].map((pair) => pair.join(" is ")).toSorted();
      expect(lines(found)).toEqual(lines(sites));
    }),
    { numRuns: 60, seed: 5 },
  );
});

test("a site that a decoder lacks is refused with the reason", async () => {
  const { file } = decoder({
    layers: 2,
    form: "parallel",
    isNormApart: false,
    isGated: false,
    seed: 1,
  });
  const net = await opened(file);
  expect(() => net.trace({ input_ids: [[1, 2]] }).at("blocks.0.resid_mid"))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: at: model.onnx has no site "blocks.0.resid_mid": attention and MLP read the same stream, so there is none between them.
      fix: the nearest are "blocks.0.resid_pre", "blocks.0.resid_post", "blocks.1.resid_pre"; all 65 are listed by \`patchclamp sites\`.]
  `);
  expect(net.recognised.report).toMatchInlineSnapshot(`
    [
      "A residual stream of 2 sums and width 8 was found: 2 blocks with attention and MLP side by side.",
      "Not named: resid_mid, as attention and MLP read the same stream, so there is none between them.",
      "Not named: ln1.normalized, ln2.normalized, ln_final.normalized, as the norm is one operator with its gain, so the value before the gain is not in the graph.",
    ]
  `);
});

test("a stream with positions before the batch has no standard names", async () => {
  const { file } = decoder({
    layers: 2,
    form: "before",
    isNormApart: false,
    isGated: false,
    seed: 1,
    isTurned: true,
  });
  const net = await opened(file);
  expect(net.recognised.report[0]).toMatchInlineSnapshot(
    `"A residual stream of 4 sums was found, but its values are [5, 1, 8] and not [batch, pos, dModel], so no site of a block has a standard name."`,
  );
  expect(net.sites().filter(({ name }) => name.startsWith("blocks."))).toEqual([]);
});
