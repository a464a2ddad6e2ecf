// Interventions written into an ONNX file as ordinary nodes, and a comparison with our own run of them.

import type { Steering } from "../network/interventions.ts";
import type { OnnxInput } from "../network/onnx/onnx-inputs.ts";
import type { OnnxNetwork } from "../network/onnx/onnx-network.ts";
import type { Bake, FloatType, Surgery } from "../onnx/surgery/index.ts";
import { PlainSession } from "../runtime/plain-session.ts";
import type { Intervention } from "../values/index.ts";
import { FileValues } from "./file-values.ts";
import type { OnnxEditOptions } from "./onnx-edits.ts";
import { onnxEdits, plannedEdits } from "./onnx-edits.ts";

/**
 * Writes interventions into an ONNX model, which then needs nothing of PatchClamp. Weights keep their bytes.
 *
 * @param model - the file, under edit
 * @param network - the same file, which knows what the sites are called in it
 * @param interventions - their sites are standard names that were recognised, names of values in the file, or patterns of them
 * @returns the steered model; the given one stays as it is
 * @throws PatchClampError `UNKNOWN_SITE` when a site matches nothing; `UNSUPPORTED` for places, conditions, experts and features, and for a
 * value that is computed within a node; `SHAPE_MISMATCH` when numbers do not fit; `BAD_INPUT` when sets that allow no other share a site
 */
export function bakeOnnx(
  model: Surgery,
  network: OnnxNetwork,
  interventions: readonly Steering[],
  options: OnnxEditOptions = {},
): Surgery {
  const { strength = 1 } = options;
  const values = new FileValues(model, network);
  const bakes = plannedEdits("bakeOnnx", network, interventions).map(({ site, intervention }) => {
    const value = values.of("bakeOnnx", site);
    return bakeOf(intervention, { value, type: values.typeOf(value), strength });
  });
  return model.bake(bakes);
}

/** How an output of a baked file differs from ours. */
export interface OutputDifference {
  readonly output: string;
  readonly shape: readonly number[];
  /** Largest absolute difference to our run with the same interventions. */
  readonly maxAbs: number;
  /** Largest absolute difference to our run without them: what they change. */
  readonly maxChange: number;
}

/**
 * Runs a baked file in ONNX Runtime alone, and compares it with our own run of the interventions.
 *
 * @param baked - its bytes, or in Node its path
 * @param given - what both read. Default: the network's example
 * @throws PatchClampError `RUNTIME_FAILED` when ONNX Runtime refuses the file
 */
export async function bakeParity(
  baked: Uint8Array | string,
  network: OnnxNetwork,
  interventions: readonly Steering[],
  options: OnnxEditOptions & { given?: OnnxInput | undefined } = {},
): Promise<OutputDifference[]> {
  const { given = network.definition.example(), ...rest } = options;
  const outputs = network.model.graph.outputs.map(({ name }) => name);
  const capture = outputs
    .map((name) => network.siteOf(name))
    .filter((site) => network.space.sites.has(site));
  const edit = onnxEdits(network, interventions, rest);
  using steered = await network.run(given, { capture, edit });
  using plain = await network.run(given, { capture });
  await using session = await PlainSession.open(baked);
  const found = await session.run(steered.inputs);
  const differences: OutputDifference[] = [];
  for (const output of outputs) {
    const site = network.siteOf(output);
    const theirs = found[output];
    if (theirs === undefined || !capture.includes(site)) continue;
    const ours = await steered.at(site).numbers();
    differences.push({
      output,
      shape: theirs.shape,
      maxAbs: maxDifference(ours, theirs.numbers),
      maxChange: maxDifference(ours, await plain.at(site).numbers()),
    });
  }
  return differences;
}

function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    // equal infinities do not differ, and a NaN differs from everything
    if (a[i] === b[i]) continue;
    const difference = Math.abs(a[i]! - b[i]!);
    most = Number.isNaN(difference) ? Infinity : Math.max(most, difference);
  }
  return most;
}

interface BakeForm {
  readonly value: string;
  readonly type: FloatType | undefined;
  readonly strength: number;
}

/** An intervention as surgery takes it. */
function bakeOf(intervention: Intervention, { value: site, type, strength }: BakeForm): Bake {
  const form = { site, ...(type === undefined ? {} : { type }) };
  const partly = strength === 1 ? form : { ...form, strength };
  switch (intervention.kind) {
    case "add": {
      const { kind, vector, scale } = intervention;
      return { ...form, kind, vector, scale: scale * strength };
    }
    case "project-out": {
      const { kind, basis } = intervention;
      const shape = [basis.shape.length === 1 ? 1 : basis.shape[0]!, basis.shape.at(-1)!];
      return { ...partly, kind, basis: { shape, data: basis.data } };
    }
    case "clamp": {
      const { kind, direction, min, max } = intervention;
      return { ...partly, kind, direction, min, max };
    }
    case "scale":
      return { ...partly, kind: intervention.kind, gain: intervention.gain };
    case "affine": {
      const { kind, weight, bias } = intervention;
      return { ...partly, kind, weight, bias };
    }
    case "replace":
      return { ...partly, kind: intervention.kind, value: intervention.value };
    case "ablate":
      return { ...partly, kind: intervention.kind, mean: intervention.mean };
    case "mask":
      return { ...partly, kind: intervention.kind, keep: intervention.keep };
    case "experts":
    case "feature":
      return { ...form, kind: intervention.kind };
  }
}
