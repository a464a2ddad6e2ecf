// A text encoder as an ONNX file that transformers.js and ONNX Runtime run without PatchClamp, with open batch and length.

import { NEVER } from "../nn/masks.ts";
import { exportGraph } from "../onnx/export.ts";
import type { SizedTrace } from "../onnx/export.ts";
import type { UnwrittenModel } from "../onnx/write.ts";
import { modelBytes } from "../onnx/write.ts";
import { ones, zeros } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { collect } from "../tensor/graph.ts";
import { placeholder } from "../tensor/leaf.ts";
import { rewritten } from "../tensor/passes.ts";
import type { EncoderNetwork } from "./encoder.ts";
import { storedNames } from "./stored-parts.ts";
import { recordingTap } from "./tap.ts";

const WHERE = "exportEncoderOnnx";

/** Sizes at which the encoder is traced: primes, so that numbers tell what they are made of. */
const TRACED = [
  { batch_size: 7, sequence_length: 307 },
  { batch_size: 11, sequence_length: 313 },
  { batch_size: 13, sequence_length: 331 },
] as const;

/**
 * Writes a text encoder as an ONNX model.
 *
 * Inputs: `input_ids`, `attention_mask` and, where the encoder tells texts of a pair apart, `token_type_ids`, int64 [batch, pos]; rows are
 * padded on the right. Outputs: `last_hidden_state`, [batch, pos, dModel], and `logits` of an encoder with a head.
 *
 * @throws PatchClampError `UNSUPPORTED` for encoders that compute otherwise at other lengths
 */
export async function exportEncoderOnnx(net: EncoderNetwork): Promise<Uint8Array> {
  return modelBytes(WHERE, await encoderOnnxModel(net));
}

/** As `exportEncoderOnnx`, for models that are written piece by piece. */
export async function encoderOnnxModel(net: EncoderNetwork): Promise<UnwrittenModel> {
  const traces = TRACED.map((sizes) => traceAt(net, sizes));
  return exportGraph(traces, { where: WHERE, weights: storedNames(net.params) });
}

function traceAt(net: EncoderNetwork, sizes: (typeof TRACED)[number]): SizedTrace {
  const { batch_size: batch, sequence_length: pos } = sizes;
  const names = ["input_ids", "attention_mask", "token_type_ids"] as const;
  const made = names.map((name) => placeholder({ shape: [batch, pos], dtype: "int64" }, name));
  const [ids, isThere, types] = made as [Tensor, Tensor, Tensor];
  const { tap, sites } = recordingTap();
  const hidden = net.definition.forward(
    net.params as never,
    {
      tokens: ids.cast("int32"),
      types: net.config.nTypes > 1 ? types.cast("int32") : zeros([batch, pos], "int32"),
      positions: ones([1, pos], "int32").cumsum({ axis: 1 }).sub(1),
      mask: isThere.equal(0).reshape([batch, 1, 1, pos]).where(NEVER, 0),
      isReal: isThere.cast("float32"),
    } as never,
    tap,
  );
  const logits = net.output === "logits" ? { logits: sites.get("logits")! } : {};
  const outputs = { last_hidden_state: hidden, ...logits };
  const graph = rewritten(collect(Object.values(outputs)));
  const read = new Set(graph.inputs);
  return {
    sizes,
    graph,
    inputs: new Map(
      names.map((name, i) => [name, made[i]!] as const).filter(([, x]) => read.has(x)),
    ),
    outputs: Object.keys(outputs),
  };
}
