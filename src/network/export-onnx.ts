// A language network as an ONNX file that transformers.js and ONNX Runtime run without PatchClamp: open batch and length, and a cache of keys
// and values that goes in and comes out.

import { PatchClampError } from "../core/errors.ts";
import { NEVER } from "../nn/masks.ts";
import { exportGraph } from "../onnx/export.ts";
import type { SizedTrace } from "../onnx/export.ts";
import type { UnwrittenModel } from "../onnx/write.ts";
import { modelBytes } from "../onnx/write.ts";
import { concat, ones } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { collect } from "../tensor/graph.ts";
import { placeholder } from "../tensor/leaf.ts";
import { rewritten } from "../tensor/passes.ts";
import type { DType } from "../tensor/tensor.ts";
import { placesOf } from "../values/index.ts";
import type { Intervention } from "../values/index.ts";
import { asSet, planFor } from "./interventions.ts";
import type { Steering } from "./interventions.ts";
import type { LanguageNetwork } from "./language.ts";
import { batchInputs, tokenBatch } from "./prompt.ts";
import { storedNames } from "./stored-parts.ts";
import type { Edit } from "./tap.ts";
import { recordingTap } from "./tap.ts";

/** Options of `exportOnnx`. */
export interface ExportOnnxOptions {
  /** Built into the model, at every position. Default: none. */
  readonly interventions?: readonly Steering[] | undefined;
  /** What their changes are multiplied by. Default 1. */
  readonly strength?: number | undefined;
}

/** Sizes at which the network is traced: primes, so that numbers tell what they are made of. */
const TRACED = [
  { batch_size: 7, sequence_length: 307, past_sequence_length: 401 },
  { batch_size: 11, sequence_length: 313, past_sequence_length: 433 },
  { batch_size: 13, sequence_length: 331, past_sequence_length: 509 },
] as const;

type TracedSizes = (typeof TRACED)[number];

/**
 * Writes a network as an ONNX model.
 *
 * Inputs: `input_ids`, `attention_mask` and `position_ids`, int64, and `past_key_values.{i}.key` and `.value`, float32
 * [batch, kvHead, past, dHead]; outputs: `logits` and `present.{i}.key` and `.value`: the layout of Hugging Face's exports. Weights
 * that are stored in few bits stay so.
 *
 * @throws PatchClampError `UNSUPPORTED` for networks whose earlier positions change with the length of the text, with recurrent layers,
 * and for interventions that do not act at all positions alike
 */
export async function exportOnnx(
  net: LanguageNetwork,
  options: ExportOnnxOptions = {},
): Promise<Uint8Array> {
  return modelBytes(WHERE, await onnxModel(net, options));
}

/** As `exportOnnx`, for models that are written piece by piece. */
export async function onnxModel(
  net: LanguageNetwork,
  options: ExportOnnxOptions = {},
): Promise<UnwrittenModel> {
  const edits = editsOf(net, options);
  const shapes = cacheShapes(net);
  const traces = TRACED.map((sizes) => traceAt(net, sizes, { edits, shapes }));
  return exportGraph(traces, { where: WHERE, weights: storedNames(net.params) });
}

const WHERE = "exportOnnx";

const none = (): undefined => undefined;

/** Heads and width of what each layer keeps. */
type CacheShapes = readonly {
  readonly key: readonly number[];
  readonly value: readonly number[];
}[];

interface TraceParts {
  readonly edits: ReadonlyMap<string, readonly Edit[]>;
  readonly shapes: CacheShapes;
}

function traceAt(
  net: LanguageNetwork,
  sizes: TracedSizes,
  { edits, shapes }: TraceParts,
): SizedTrace {
  const { batch_size: batch, sequence_length: pos, past_sequence_length: past } = sizes;
  const inputs = new Map<string, Tensor>();
  const input = (name: string, shape: readonly number[], dtype: DType): Tensor => {
    const leaf = placeholder({ shape, dtype }, name);
    inputs.set(name, leaf);
    return leaf;
  };
  const ids = input("input_ids", [batch, pos], "int64");
  const isThere = input("attention_mask", [batch, past + pos], "int64");
  const positions = input("position_ids", [batch, pos], "int64");
  const kept = shapes.map(({ key, value }, i) => {
    const [kHeads, , kWidth] = key;
    const [vHeads, , vWidth] = value;
    return {
      k: input(`past_key_values.${i}.key`, [batch, kHeads!, past, kWidth!], "float32"),
      v: input(`past_key_values.${i}.value`, [batch, vHeads!, past, vWidth!], "float32"),
    };
  });
  // columns count from 0; a query at column c sees columns up to c that hold a token
  const columns = ones([1, past + pos], "int32")
    .cumsum({ axis: 1 })
    .sub(1);
  const queries = columns.slice({ axis: 1, start: past }).reshape([1, 1, pos, 1]);
  const isLater = columns.reshape([1, 1, 1, past + pos]).greater(queries);
  const isMissing = isThere.equal(0).reshape([batch, 1, 1, past + pos]);
  const mask = isLater.or(isMissing).where(NEVER, 0);
  // who counts positions from 1, as transformers.js does for Gemma 3, sees the same distances
  const last = (x: Tensor): Tensor => x.max({ axis: 1, keepDims: true });
  const counted = isThere.cast("int32").cumsum({ axis: 1 });
  const start = last(positions.cast("int32")).sub(last(counted));
  const keyPositions = counted.add(start);
  const presents: Record<string, Tensor> = {};
  const { tap } = recordingTap({ edits });
  const logits = tap(
    "logits",
    net.forward(
      net.params as never,
      {
        tokens: ids.cast("int32"),
        positions: positions.cast("int32"),
        keyPositions: keyPositions.maximum(0),
        mask,
        cache: {
          past: none,
          // in one piece: WebGPU has no products of a past without positions
          store: (layer, k, v) => {
            const whole = {
              k: concat([kept[layer]!.k, k], { axis: 2 }),
              v: concat([kept[layer]!.v, v], { axis: 2 }),
            };
            presents[`present.${layer}.key`] = whole.k;
            presents[`present.${layer}.value`] = whole.v;
            return whole;
          },
          state: none,
          keep: none,
          revise: none,
        },
      },
      tap,
    ),
  );
  const outputs = { logits, ...presents };
  return {
    sizes,
    graph: rewritten(collect(Object.values(outputs))),
    inputs,
    outputs: Object.keys(outputs),
  };
}

/**
 * Shapes of keys and values without batch: [head, pos, width].
 *
 * @throws PatchClampError `UNSUPPORTED` for a network that keeps something else
 */
function cacheShapes(net: LanguageNetwork): CacheShapes {
  const shapes: { key: readonly number[]; value: readonly number[] }[] = [];
  const inputs = batchInputs(tokenBatch([[0, 0]], "left", 0));
  const { tap } = recordingTap();
  const refuse = (what: string) => () => {
    throw new PatchClampError("UNSUPPORTED", { where: WHERE, problem: `${net.name} ${what}.` });
  };
  net.forward(
    net.params as never,
    {
      ...inputs,
      cache: {
        past: none,
        state: none,
        keep: refuse("has recurrent layers, whose state is not exported"),
        revise: refuse("computes earlier positions otherwise in longer texts"),
        store: (layer, k, v) => {
          shapes[layer] = { key: k.shape.slice(1), value: v.shape.slice(1) };
        },
      },
    },
    tap,
  );
  return shapes;
}

/** The interventions as edits that do not ask for places. */
function editsOf(
  net: LanguageNetwork,
  { interventions = [], strength = 1 }: ExportOnnxOptions,
): ReadonlyMap<string, readonly Edit[]> {
  const plan = planFor(net, { interventions });
  if (plan === undefined) return new Map();
  const all = interventions.flatMap((given) => asSet(given).interventions);
  const odd = all.find((one: Intervention) => one.at !== undefined || one.when !== undefined);
  if (odd !== undefined) {
    throw new PatchClampError("UNSUPPORTED", {
      where: WHERE,
      problem: `the intervention "${odd.kind}" at "${odd.site}" acts at some places only, and a plain ONNX file knows no places.`,
      fix: "leave out `at` and `when`, or steer with PatchClamp itself.",
    });
  }
  // of one place, so that it holds for every place that it is broadcast to
  const places = placesOf({ ids: [[0]], lengths: [1], padding: "left" });
  const edits = plan.edits(plan.inputs(places, { strength }));
  return new Map([...edits].map(([site, edit]) => [site, [edit]]));
}
