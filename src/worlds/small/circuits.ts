// Random boolean circuits. What a network that learns one may compute on the way is known gate by gate, and so is what
// would come out if a gate were held at another value.

import { PatchClampError } from "../../core/errors.ts";
import type { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { splitOf, splits } from "../split.ts";
import type { Split } from "../split.ts";
import { requireCount } from "./_options.ts";

const functions = {
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  nand: (a, b) => 1 - (a & b),
} as const satisfies Record<string, (a: number, b: number) => number>;

/** What a gate computes of two bits. */
export type GateKind = keyof typeof functions;

/** All kinds of gates. */
export const gateKinds = Object.keys(functions) as readonly GateKind[];

/** One gate. Wires are numbered: the inputs first, then the gates in order. */
export interface Gate {
  readonly kind: GateKind;
  /** The two wires that it reads. */
  readonly reads: readonly [number, number];
  /** How many gates the longest way from an input to its output goes through. */
  readonly depth: number;
}

/** Gates behind inputs. */
export interface Circuit {
  readonly inputs: number;
  /** In an order in which each reads only what is before it. */
  readonly gates: readonly Gate[];
  /** The wires of the deepest gates. */
  readonly outputs: readonly number[];
}

/** Options of `randomCircuit`. */
export interface CircuitOptions {
  /** Default 6; 2 to 12, so that its truth table stays small. */
  inputs?: number;
  /** How many gates there are, at least one for every level of depth. Default 12. */
  gates?: number;
  /** How many gates the longest way goes through; each level has as many gates as any other, or one more. Default 3. */
  depth?: number;
  /** Kinds that are used. Default: all. */
  kinds?: readonly GateKind[];
}

/**
 * Draws a circuit in which every gate says something new: none is constant, and none equals another wire or its opposite for all
 * inputs.
 *
 * @param rng - advances; the same state gives the same circuit
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range, or so many gates cannot all say something new
 */
export function randomCircuit(rng: Rng, options: CircuitOptions = {}): Circuit {
  const { inputs = 6, gates: count = 12, depth = 3, kinds = gateKinds } = options;
  requireCount("randomCircuit", "inputs", inputs, [2, 12]);
  requireAtLeast("randomCircuit", "depth", depth, 1);
  requireAtLeast("randomCircuit", "gates", count, depth);
  for (const kind of kinds) requireOneOf("randomCircuit", "kinds", kind, gateKinds);

  const tables = inputTables(inputs);
  const known = new Set(tables.map(sense));
  const gates: Gate[] = [];
  while (gates.length < count) {
    const level = Math.floor((gates.length * depth) / count) + 1;
    const found = rng.shuffle(candidates(inputs, gates, { level, kinds })).find((gate) => {
      const own = sense(tableOf(gate, tables));
      return !isConstant(own) && !known.has(own);
    });
    if (found === undefined) throw nothingNew(gates.length, level, count);
    gates.push(found);
    tables.push(tableOf(found, tables));
    known.add(sense(tables.at(-1)!));
  }
  const outputs = gates.flatMap((gate, i) => (gate.depth === depth ? [inputs + i] : []));
  return { inputs, gates, outputs };
}

/** Every gate that may come next on a level: it reads a wire of the level before, and any other. */
function candidates(
  inputs: number,
  gates: readonly Gate[],
  { level, kinds }: { level: number; kinds: readonly GateKind[] },
): Gate[] {
  const depthOf = (wire: number): number => gates[wire - inputs]?.depth ?? 0;
  const below = Array.from({ length: inputs + gates.length }, (_, wire) => wire).filter(
    (wire) => depthOf(wire) < level,
  );
  return below.flatMap((a) =>
    below
      .filter((b) => b < a && Math.max(depthOf(a), depthOf(b)) === level - 1)
      .flatMap((b) => kinds.map((kind): Gate => ({ kind, reads: [b, a], depth: level }))),
  );
}

/**
 * The value of every wire for one setting of the inputs.
 *
 * @param bits - the inputs, each 0 or 1
 * @param held - wires that are held at a value whatever comes to them, by number. Default: none
 * @returns one bit a wire: the inputs, then the gates
 * @throws PatchClampError `BAD_INPUT` when there are more or fewer bits than inputs
 */
export function circuitValues(
  circuit: Circuit,
  bits: ArrayLike<number>,
  held: Readonly<Record<number, 0 | 1>> = {},
): Uint8Array {
  const { inputs, gates } = circuit;
  if (bits.length !== inputs) {
    throw new PatchClampError("BAD_INPUT", {
      where: "circuitValues",
      problem: `the circuit has ${inputs} inputs, and the number of bits is ${bits.length}.`,
    });
  }
  const values = new Uint8Array(inputs + gates.length);
  for (let wire = 0; wire < values.length; wire++) {
    const gate = gates[wire - inputs];
    const own = gate === undefined ? bits[wire]! : gateValue(gate, values);
    values[wire] = held[wire] ?? own;
  }
  return values;
}

function gateValue({ kind, reads: [a, b] }: Gate, values: Uint8Array): number {
  return functions[kind](values[a]!, values[b]!);
}

/**
 * The truth table of every wire.
 *
 * @returns one table a wire, each of 2^inputs bits; in row `r`, input `i` is bit `i` of `r`
 */
export function circuitTables({ inputs, gates }: Circuit): Uint8Array[] {
  const tables = inputTables(inputs);
  for (const gate of gates) tables.push(tableOf(gate, tables));
  return tables;
}

function inputTables(inputs: number): Uint8Array[] {
  return Array.from({ length: inputs }, (_, i) =>
    Uint8Array.from({ length: 2 ** inputs }, (__, row) => (row >> i) & 1),
  );
}

function tableOf({ kind, reads: [a, b] }: Gate, tables: readonly Uint8Array[]): Uint8Array {
  const other = tables[b]!;
  return tables[a]!.map((bit, row) => functions[kind](bit, other[row]!));
}

/** A table as text, the same for its opposite: the first row is turned to 0. */
function sense(table: Uint8Array): string {
  return table.map((bit) => bit ^ table[0]!).join("");
}

function isConstant(text: string): boolean {
  return !text.includes("1");
}

/** The gates, by wire, that some output depends on through wires. */
export function usedGates({ inputs, gates, outputs }: Circuit): number[] {
  const used = new Set(outputs);
  for (let wire = inputs + gates.length - 1; wire >= inputs; wire--)
    if (used.has(wire)) for (const read of gates[wire - inputs]!.reads) used.add(read);
  return [...used].filter((wire) => wire >= inputs).toSorted((a, b) => a - b);
}

/** One setting of the inputs with the value of every wire. */
export interface CircuitSample {
  readonly bits: Uint8Array;
  /** The inputs, then the gates. */
  readonly values: Uint8Array;
  /** Values of the output wires. */
  readonly outputs: Uint8Array;
  /** What decides its half of the world: the inputs. */
  readonly key: string;
}

/**
 * Every setting of a circuit's inputs in one half of the world; about one in eight is held out.
 *
 * @returns samples in the order of the rows of `circuitTables`
 * @throws PatchClampError `BAD_OPTION` when the half is none of the two, or nothing is held out of so few settings
 */
export function circuitSamples(circuit: Circuit, split: Split = "train"): CircuitSample[] {
  requireOneOf("circuitSamples", "split", split, splits);
  const { inputs, outputs } = circuit;
  const samples = Array.from({ length: 2 ** inputs }, (_, row): CircuitSample => {
    const bits = Uint8Array.from({ length: inputs }, (__, i) => (row >> i) & 1);
    const values = circuitValues(circuit, bits);
    const given = Uint8Array.from(outputs, (wire) => values[wire]!);
    return { bits, values, outputs: given, key: `circuit|${bits.join("")}` };
  }).filter(({ key }) => splitOf(key) === split);
  if (samples.length > 0) return samples;
  throw new PatchClampError("BAD_OPTION", {
    where: "circuitSamples",
    problem: `nothing is held out of the ${2 ** inputs} settings of ${inputs} inputs.`,
    fix: "draw a circuit of at least 5 inputs, or read all rows of circuitTables.",
  });
}

function nothingNew(found: number, level: number, wanted: number): PatchClampError {
  return new PatchClampError("BAD_OPTION", {
    where: "randomCircuit",
    problem: `after ${found} of ${wanted} gates, none is left at depth ${level} that says something new.`,
    fix: "ask for fewer gates, more inputs, or more kinds of gates.",
  });
}
