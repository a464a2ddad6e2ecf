// Sizes of a model's values by name: those that differ between two inputs of different sizes depend on the input.

import type { OnnxNetwork } from "../../network/onnx/onnx-network.ts";
import type { OnnxInput, OnnxPort } from "../../network/onnx/onnx-inputs.ts";
import { full } from "../../runtime/index.ts";

/** A size as a number, as what it is made of, or `?` where that is not clear. */
export type OpenSize = string | number;

/** A size of the inputs that has a name, or none, and what it is in each of the two inputs. */
interface Axis {
  readonly name: string;
  readonly sizes: readonly [number, number];
}

/** Sizes of texts; primes, so that products and sums tell what they are made of. */
const LENGTHS: readonly (readonly [number, number])[] = [
  [5, 7],
  [11, 13],
  [17, 23],
  [29, 37],
  [41, 53],
];
const BATCHES = [2, 3] as const;
const PIXELS = [224, 256] as const;

/**
 * The shapes of a model's sites, with names where sizes depend on the input: the model is traced for two inputs, and nothing runs.
 *
 * @returns by site; undefined where the model takes no input of the sizes that were tried
 */
export function openShapes(net: OnnxNetwork): ReadonlyMap<string, readonly OpenSize[]> | undefined {
  const ports = net.inputs.filter(({ name }) => !FOLLOWS.test(name));
  const axes = openAxes(ports);
  const traced = ([0, 1] as const).map((which) => shapesFor(net, ports, axes, which));
  const [first, second] = traced;
  if (first === undefined || second === undefined) return undefined;
  return new Map(
    [...first].flatMap(([site, shape]) => {
      const other = second.get(site);
      return other?.length === shape.length
        ? [[site, shape.map((size, i) => described(size, other[i]!, [...axes.values()]))]]
        : [];
    }),
  );
}

/** What follows from the other inputs. */
const FOLLOWS = /attention_mask$|(?:token_type|position)_ids$|^use_cache_branch$/;

/** The open sizes of inputs, by their names, or by input and axis where they have none. */
function openAxes(ports: readonly OnnxPort[]): Map<string, Axis> {
  const axes = new Map<string, Axis>();
  let lengths = 0;
  for (const port of ports) {
    for (const [i, size] of (port.shape ?? []).entries()) {
      const key = keyOf(port, i);
      if (typeof size === "number" || axes.has(key)) continue;
      const isImage =
        port.shape!.length === 4 && port.dtype === "float32" && !/past/.test(port.name);
      const sizes = i === 0 ? BATCHES : isImage ? PIXELS : LENGTHS[lengths++ % LENGTHS.length]!;
      axes.set(key, { name: size ?? "?", sizes });
    }
  }
  return axes;
}

function keyOf({ name, shape }: OnnxPort, axis: number): string {
  return shape![axis] === null ? `${name}[${axis}]` : String(shape![axis]);
}

function shapesFor(
  net: OnnxNetwork,
  ports: readonly OnnxPort[],
  axes: ReadonlyMap<string, Axis>,
  which: 0 | 1,
): Map<string, readonly number[]> | undefined {
  const given: OnnxInput = Object.fromEntries(
    ports.map((port) => {
      const sizes = (port.shape ?? []).map((size, i) =>
        typeof size === "number" ? size : axes.get(keyOf(port, i))!.sizes[which],
      );
      return [port.name, full(sizes, 0, port.dtype)];
    }),
  );
  try {
    const { activations } = net.trace(given);
    return new Map(Object.entries(activations).map(([site, { shape }]) => [site, shape]));
  } catch {
    // the names are an extra: a model for images of one size says so in its own way
    return undefined;
  }
}

/** What a size is, from its values for both inputs. */
function described(a: number, b: number, axes: readonly Axis[]): OpenSize {
  if (a === b) return a;
  const named = axes.filter(({ name }) => name !== "?");
  const exact = named.find(({ sizes }) => sizes[0] === a && sizes[1] === b);
  if (exact !== undefined) return exact.name;
  for (const [i, { name, sizes }] of named.entries()) {
    const [x, y] = sizes;
    for (const other of named.slice(i + 1)) {
      const [u, v] = other.sizes;
      if (x + u === a && y + v === b) return `${name} + ${other.name}`;
      if (x * u === a && y * v === b) return `${name} * ${other.name}`;
    }
    if (a - x === b - y && a > x) return `${name} + ${a - x}`;
    if (a % x === 0 && a / x === b / y) return `${a / x} * ${name}`;
    if (x % a === 0 && x / a === y / b) return `${name} / ${x / a}`;
  }
  return "?";
}
