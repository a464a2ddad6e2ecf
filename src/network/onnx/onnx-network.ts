// A network that an ONNX file describes: every value in the file is a site.

import type { OnnxModel } from "../../onnx/model.ts";
import { importHandlers } from "../../onnx/import/index.ts";
import { runModel } from "../../onnx/import/run.ts";
import type { Tensor } from "../../runtime/index.ts";
import { Network } from "../network.ts";
import type { Inputs } from "../network.ts";
import type { Tap } from "../tap.ts";
import type { OnnxInput, OnnxPort } from "./onnx-inputs.ts";
import { exampleInput, portsOf, preparedInputs } from "./onnx-inputs.ts";
import type { Recognised } from "./recognise.ts";
import { recognise } from "./recognise.ts";

/** What makes a network of an ONNX file. */
export interface OnnxDefinition {
  readonly name: string;
  readonly model: OnnxModel;
  /** Its constants by name, as leaves. */
  readonly constants: Readonly<Record<string, Tensor>>;
  /** An input on which sites are listed. Default: four tokens, or an image of 224 pixels. */
  readonly example?: OnnxInput | undefined;
}

/**
 * A network that an ONNX file describes.
 *
 * Values are sites under the names they have in the file; those that are recognised have their standard names instead, such as
 * `blocks.0.resid_post`.
 */
export class OnnxNetwork extends Network<OnnxInput> {
  readonly model: OnnxModel;
  /** What the model takes. */
  readonly inputs: readonly OnnxPort[];
  /** What was recognised of its structure, and what not. */
  readonly recognised: Recognised;

  constructor({ name, model, constants, example }: OnnxDefinition) {
    const ports = portsOf(name, model);
    const recognised = recognise(model);
    const siteOf = (value: string): string => recognised.sites.get(value) ?? value;
    const outputs = model.graph.outputs.map((output) => output.name);
    super({
      name,
      params: constants,
      config: { producer: model.producer, nodes: model.graph.nodes.length },
      output: siteOf(outputs[0]!),
      forward: (params: Readonly<Record<string, Tensor>>, inputs: Inputs, tap: Tap) => {
        const given = new Map([...Object.entries(params), ...Object.entries(inputs)]);
        const form = {
          where: name,
          handlers: importHandlers,
          tap: (value: string, x: Tensor) => tap(siteOf(value), x),
        };
        return runModel(model, given, form)[0]!;
      },
      prepare: (given) => preparedInputs(name, ports, given),
      example: () => example ?? exampleInput(ports),
    });
    this.model = model;
    this.inputs = ports;
    this.recognised = recognised;
  }
}
