// Which network this is, by what it computes: its config and samples of its parameters.

import type { Tree } from "../core/tree.ts";
import { leaves } from "../core/tree.ts";
import type { Tensor, TypedArray } from "../tensor/tensor.ts";
import { networkHash } from "../values/index.ts";
import type { NetworkIdentity } from "../values/index.ts";
import type { SiteInfo } from "./sites.ts";
import { storedParts } from "./stored-parts.ts";

/** Elements that are looked at, at either end of a parameter. */
const SAMPLE = 32;

/** What of a network tells it from others. */
interface Distinct {
  readonly name: string;
  readonly params: Tree<Tensor>;
  readonly output: string;
  readonly definition: { readonly config?: unknown };
  readonly sites: () => readonly SiteInfo[];
}

/** The identity of a network; `Network.identity` says of what it is made. */
export async function identityOf(net: Distinct): Promise<NetworkIdentity> {
  const { config = null } = net.definition;
  const params = leaves<Tensor>(net.params).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const stored = params.flatMap(([, tensor]) => storedParts(tensor));
  const samples = await Promise.all(stored.map(samplesOf));
  const forms = params.map(([path, { shape, dtype }]) => [path, dtype, shape]);
  return {
    network: net.name,
    hash: networkHash({ config, params: forms }, samples.flat()),
    dModel: widthOf(net),
  };
}

/** The bytes of the first and the last elements of what is stored. */
async function samplesOf(tensor: Tensor): Promise<Uint8Array[]> {
  const { size } = tensor;
  const ranges: [number, number][] =
    size <= 2 * SAMPLE
      ? [[0, size]]
      : [
          [0, SAMPLE],
          [size - SAMPLE, size],
        ];
  const readPart = tensor.value?.readPart;
  if (readPart !== undefined)
    return Promise.all(ranges.map(async (at) => bytesOf(await readPart(at))));
  const data = await tensor.data();
  return ranges.map((range) => bytesOf(data.subarray(...range)));
}

function bytesOf({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** How wide the residual stream is; of a network without one, its output. */
function widthOf(net: Distinct): number {
  const { dModel } = (net.definition.config ?? {}) as { dModel?: unknown };
  if (typeof dModel === "number") return dModel;
  const sites = net.sites();
  const stream =
    sites.find(({ axes }) => axes.at(-1) === "dModel") ??
    sites.find(({ name }) => name === net.output);
  return stream?.shape.at(-1) ?? 1;
}
