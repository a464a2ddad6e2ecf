// A network that an ONNX file describes: every value in the file is a site.

import { PatchClampError } from "../../core/errors.ts";
import type { OnnxModel } from "../../onnx/model.ts";
import { importHandlers } from "../../onnx/import/index.ts";
import { runModel } from "../../onnx/import/run.ts";
import type { NameValue } from "../../onnx/import/run.ts";
import type { Tensor } from "../../runtime/index.ts";
import { identity } from "../../tensor/control.ts";
import { Network } from "../network.ts";
import type { Inputs } from "../network.ts";
import type { SiteInfo } from "../sites.ts";
import { describeSite } from "../sites.ts";
import type { Tap } from "../tap.ts";
import type { OnnxInput, OnnxPort } from "./onnx-inputs.ts";
import { exampleInput, portsOf, preparedInputs, switchedInputs } from "./onnx-inputs.ts";
import type { Recognised } from "./recognise.ts";
import { recognise } from "./recognise.ts";
import { sortedNodes } from "./sorted-nodes.ts";

/** Tensors of an ONNX file by name. */
type OnnxConstants = Readonly<Record<string, Tensor>>;

/** What makes a network of an ONNX file. */
export interface OnnxDefinition {
  readonly name: string;
  readonly model: OnnxModel;
  /** Its constants by name, as leaves. */
  readonly constants: OnnxConstants;
  /** An input on which sites are listed. Default: that of `exampleInput`. */
  readonly example?: OnnxInput | undefined;
}

/**
 * A network that an ONNX file describes.
 *
 * Values are sites under the names they have in the file; those that are recognised have their standard names, such as
 * `blocks.0.resid_post`, and those of the file are understood as well. What is known before the graph runs, as constants and shapes are,
 * is no site, nor are the values of bodies.
 */
export class OnnxNetwork extends Network<OnnxInput> {
  readonly model: OnnxModel;
  /** What the model takes. */
  readonly inputs: readonly OnnxPort[];
  readonly #own: OwnValues;
  #sites: readonly SiteInfo[] | undefined;

  constructor({ name, model: given, constants, example }: OnnxDefinition) {
    const model = { ...given, graph: sortedNodes(given.graph) };
    const outputName = model.graph.outputs[0]?.name;
    if (outputName === undefined) {
      throw new PatchClampError("BAD_FILE", { where: name, problem: "the model has no outputs." });
    }
    const ports = portsOf(name, model);
    const prepare = (input: OnnxInput): Inputs => preparedInputs(name, ports, input);
    const exampleOf = (): OnnxInput => example ?? exampleInput(ports);
    const run = (params: OnnxConstants, inputs: Inputs, tap: NameValue): Tensor =>
      runThrough({ name, model, constants: params, ports }, inputs, tap);
    const own = new OwnValues(() => {
      const inputs = prepare(exampleOf());
      const traced = new Map<string, Tensor>();
      const output = run(constants, inputs, (value, x) => {
        traced.set(value, x);
        return x;
      });
      const batch = Object.values(inputs)[0]?.shape[0] ?? 1;
      const shapes = new Map([...traced].map(([value, { shape }]) => [value, shape]));
      // an output that is known before the graph runs is a site all the same
      if (!shapes.has(outputName)) shapes.set(outputName, output.shape);
      return { shapes, recognised: recognise(model.graph, traced, batch) };
    });
    super({
      name,
      params: constants,
      config: { producer: model.producer, nodes: model.graph.nodes.length },
      get output() {
        return own.siteOf(outputName);
      },
      forward: (params: OnnxConstants, inputs: Inputs, tap: Tap) =>
        run(params, inputs, (value, x) => own.sitesOf(value).reduce((y, site) => tap(site, y), x)),
      prepare,
      example: exampleOf,
      get aliases() {
        return own.fileNames;
      },
      get absent() {
        return own.found.recognised.absent;
      },
      get meanings() {
        return own.found.recognised.meanings;
      },
    });
    this.model = model;
    this.inputs = ports;
    this.#own = own;
  }

  /** What was recognised of its structure, and what not. */
  get recognised(): Recognised {
    return this.#own.found.recognised;
  }

  /** Every site of the network, in the order in which they are computed. */
  override sites(): readonly SiteInfo[] {
    this.#sites ??= [...this.#own.found.shapes].flatMap(([value, shape]) => {
      const names = this.#own.sitesOf(value);
      return names.map((name) => describeSite(name, shape, this.recognised.meanings));
    });
    return this.#sites;
  }

  /** The site of a value by its name in the file; of several, the last. */
  siteOf(value: string): string {
    return this.#own.siteOf(value);
  }
}

/** What a pass over an example shows. */
interface FoundValues {
  /** Shapes of all values that are sites, by their names in the file. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly recognised: Recognised;
}

/** The sites of a model's values. */
class OwnValues {
  readonly #find: () => FoundValues;
  #found: FoundValues | undefined;
  #standard: ReadonlySet<string> | undefined;

  /** @param find - passes over an example */
  constructor(find: () => FoundValues) {
    this.#find = find;
  }

  get found(): FoundValues {
    this.#found ??= this.#find();
    return this.#found;
  }

  get #standardNames(): ReadonlySet<string> {
    this.#standard ??= new Set([...this.found.recognised.sites.values()].flat());
    return this.#standard;
  }

  /** Sites by the names in the file that they have in place of their own. */
  get fileNames(): ReadonlyMap<string, string> {
    const own = [...this.found.recognised.sites].filter(
      ([value]) => !this.#standardNames.has(value),
    );
    return new Map(own.map(([value, names]) => [value, names.at(-1)!]));
  }

  /** The names of a value, of which the graph goes on with the last. */
  sitesOf(value: string): readonly string[] {
    const given = this.found.recognised.sites.get(value);
    if (given !== undefined) return given;
    // a value whose name in the file is the standard name of another
    return [this.#standardNames.has(value) ? `file.${value}` : value];
  }

  siteOf(value: string): string {
    return this.sitesOf(value).at(-1)!;
  }
}

/** What a pass needs to know of a model. */
interface RunParts extends Omit<OnnxDefinition, "example"> {
  readonly ports: readonly OnnxPort[];
}

function runThrough(
  { name, model, constants, ports }: RunParts,
  inputs: Inputs,
  tap: NameValue,
): Tensor {
  const counts = new Map<string, number>();
  const named: NameValue = (value, x) => {
    // what is known already is written into the graph that runs
    if (x.value !== undefined) return x;
    const count = (counts.get(value) ?? 0) + 1;
    counts.set(value, count);
    // what a node shows of itself may have the name of another value
    return tap(count === 1 ? value : `${value}#${count}`, x);
  };
  const given = new Map(Object.entries(constants));
  for (const [input, x] of Object.entries(inputs)) {
    // so that nothing is computed from an input's numbers while the graph is traced, which is kept for other inputs too
    const opaque = identity(x);
    given.set(input, x.dtype === "float32" ? named(input, opaque) : opaque);
  }
  for (const [input, x] of switchedInputs(ports, inputs)) given.set(input, x);
  const form = { where: name, handlers: importHandlers, tap: named };
  return runModel(model, given, form)[0]!;
}
