// Which value of an ONNX file a site stands for.

import { PatchClampError } from "../core/errors.ts";
import { nearest } from "../core/text.ts";
import type { OnnxNetwork } from "../network/onnx/onnx-network.ts";
import type { FloatType, Surgery } from "../onnx/surgery/index.ts";

/** The values of a file that sites stand for. */
export class FileValues {
  readonly #model: Surgery;
  readonly #network: OnnxNetwork;
  readonly #bySite = new Map<string, string>();
  #names: ReadonlySet<string> | undefined;

  constructor(model: Surgery, network: OnnxNetwork) {
    this.#model = model;
    this.#network = network;
    for (const [value, sites] of network.recognised.sites)
      for (const site of sites) this.#bySite.set(site, value);
  }

  /** @throws PatchClampError `UNSUPPORTED` when it is computed within a node, so that no value of the file holds it */
  of(where: string, site: string): string {
    this.#names ??= new Set(this.#model.values().map(({ name }) => name));
    const value = this.#bySite.get(site) ?? site.replace(/^file\./, "");
    if (this.#names.has(value)) return value;
    const near = nearest(value, this.#names);
    throw new PatchClampError("UNSUPPORTED", {
      where,
      problem: `"${site}" is computed within a node of ${this.#network.name}, so no value of the file holds it.`,
      fix: `name a value before or after it${near[0] === undefined ? "" : `, such as "${near[0]}"`}.`,
      facts: { site },
    });
  }

  /** Its type where the file says it or it follows; else that of all constants, where they have one. */
  typeOf(value: string): FloatType | undefined {
    const known = this.#model.value(value).type;
    if (known !== undefined) return undefined;
    const floats = new Set(
      this.#network.model.graph.initializers
        .map(({ type }) => type)
        .filter((type) => type === "float32" || type === "float16" || type === "bfloat16"),
    );
    return floats.size === 1 ? [...floats][0] : undefined;
  }
}
