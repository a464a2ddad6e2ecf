// Results without a copy.
//
// onnxruntime-node 1.30 copies every output into a fresh array, also outputs for which it was given one. The copy is
// made after the run, output by output; if the first output cannot be converted, the run has written the given arrays
// and nothing is copied. So graphs with large outputs declare an empty sequence first, and the error that this raises
// (exactly one message) means success. A binding that can convert it hands results out: they are the given arrays, or are
// copied into them here.

import type { InferenceSession, OnnxValue, Tensor } from "onnxruntime-common";

import { SEQUENCE_OUTPUT } from "../onnx/emit.ts";

const NOT_CONVERTED = "Non tensor type is temporarily not supported.";

/** Total output bytes above which saving the copy pays for raising an error. */
export const COPY_COSTS_FROM = 1 << 20;

/**
 * Runs a session so that the outputs lie in the given tensors.
 *
 * @param session - of a graph with the sequence output
 * @param outs - preallocated tensors by output name; they hold the results afterwards
 */
export async function runInto(
  session: InferenceSession,
  feeds: Record<string, OnnxValue>,
  outs: Record<string, Tensor>,
): Promise<void> {
  const results = await session
    .run(feeds, { [SEQUENCE_OUTPUT]: null, ...outs })
    .catch((error: unknown) => {
      if (error instanceof Error && error.message === NOT_CONVERTED) return undefined;
      throw error;
    });
  if (results === undefined) return;
  for (const [name, out] of Object.entries(outs)) {
    const { data } = results[name] as Tensor;
    if (data !== out.data) (out.data as Float32Array).set(data as Float32Array);
  }
}
