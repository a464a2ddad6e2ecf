import * as fc from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import {
  circuitSamples,
  circuitTables,
  circuitValues,
  gateKinds,
  randomCircuit,
  usedGates,
} from "./circuits.ts";
import type { Circuit, CircuitOptions } from "./circuits.ts";

const circuits = fc
  .record({
    seed: fc.nat(),
    inputs: fc.integer({ min: 4, max: 7 }),
    depth: fc.integer({ min: 1, max: 4 }),
    more: fc.integer({ min: 0, max: 8 }),
  })
  .map(({ seed, inputs, depth, more }) =>
    randomCircuit(new Rng(seed), { inputs, depth, gates: depth + more }),
  );

/** a AND b, then its XOR with c. */
const small: Circuit = {
  inputs: 3,
  gates: [
    { kind: "and", reads: [0, 1], depth: 1 },
    { kind: "xor", reads: [2, 3], depth: 2 },
    { kind: "or", reads: [0, 2], depth: 1 },
  ],
  outputs: [4],
};

test("the first circuit stays what it is", () => {
  const { gates, outputs } = randomCircuit(new Rng(1), { inputs: 4, gates: 4, depth: 2 });
  expect({
    gates: gates.map(({ kind, reads }) => `${kind} ${reads.join(" ")}`),
    outputs,
  }).toMatchInlineSnapshot(`
    {
      "gates": [
        "or 1 2",
        "and 2 3",
        "nand 0 5",
        "and 3 4",
      ],
      "outputs": [
        6,
        7,
      ],
    }
  `);
});

test("tables of a circuit written by hand are what its gates say", () => {
  const [a, b, c, and, xor, or] = circuitTables(small).map((table) => table.join(""));
  expect([a, b, c]).toEqual(["01010101", "00110011", "00001111"]);
  expect([and, xor, or]).toEqual(["00010001", "00011110", "01011111"]);
});

test("each kind of gate has its own truth table", () => {
  const tables = gateKinds.map((kind) => {
    const circuit = {
      inputs: 2,
      gates: [{ kind, reads: [0, 1], depth: 1 } as const],
      outputs: [2],
    };
    return `${kind} ${circuitTables(circuit)[2]!.join("")}`;
  });
  expect(tables).toEqual(["and 0001", "or 0111", "xor 0110", "nand 1110"]);
});

test("row by row, tables are the values of wires", () => {
  fc.assert(
    fc.property(circuits, (circuit) => {
      const tables = circuitTables(circuit);
      for (let row = 0; row < 2 ** circuit.inputs; row++) {
        const bits = Array.from({ length: circuit.inputs }, (_, i) => (row >> i) & 1);
        expect([...circuitValues(circuit, bits)]).toEqual(tables.map((table) => table[row]));
      }
    }),
    { seed: 1, numRuns: 15 },
  );
});

test("no gate is constant, and none equals another wire or its opposite", () => {
  fc.assert(
    fc.property(circuits, (circuit) => {
      const tables = circuitTables(circuit).map((table) => table.join(""));
      const opposites = circuitTables(circuit).map((table) => table.map((bit) => 1 - bit).join(""));
      const all = [...tables, ...opposites, "0".repeat(2 ** circuit.inputs)];
      expect(new Set(all).size).toBe(all.length);
    }),
    { seed: 2, numRuns: 30 },
  );
});

test("a gate is one deeper than the deeper of the two wires that it reads, and outputs are deepest", () => {
  fc.assert(
    fc.property(circuits, ({ inputs, gates, outputs }) => {
      const depths = [
        ...Array.from({ length: inputs }, () => 0),
        ...gates.map(({ depth }) => depth),
      ];
      for (const [i, { reads, depth }] of gates.entries()) {
        expect(Math.max(...reads)).toBeLessThan(inputs + i);
        expect(reads[0]).not.toBe(reads[1]);
        expect(depth).toBe(1 + Math.max(...reads.map((wire) => depths[wire]!)));
      }
      const deepest = Math.max(...depths);
      expect(outputs).toEqual(depths.flatMap((depth, wire) => (depth === deepest ? [wire] : [])));
    }),
    { seed: 3, numRuns: 50 },
  );
});

test("holding a wire changes what reads it and nothing else", () => {
  expect([...circuitValues(small, [1, 1, 0])]).toEqual([1, 1, 0, 1, 1, 1]);
  expect([...circuitValues(small, [1, 1, 0], { 3: 0 })]).toEqual([1, 1, 0, 0, 0, 1]);
  expect([...circuitValues(small, [1, 1, 0], { 0: 0 })]).toEqual([0, 1, 0, 0, 0, 0]);
});

test("a gate is used exactly when holding it changes outputs for some inputs, or it is not known to matter", () => {
  expect(usedGates(small)).toEqual([3, 4]);
  fc.assert(
    fc.property(circuits, (circuit) => {
      const used = new Set(usedGates(circuit));
      for (let wire = circuit.inputs; wire < circuit.inputs + circuit.gates.length; wire++) {
        if (used.has(wire)) continue;
        for (const { bits, outputs } of circuitSamples({ ...circuit, inputs: circuit.inputs })) {
          const held = circuitValues(circuit, bits, { [wire]: 0 });
          expect(circuit.outputs.map((output) => held[output])).toEqual([...outputs]);
        }
      }
    }),
    { seed: 4, numRuns: 15 },
  );
});

test("the halves hold every setting once, with the values of all wires", () => {
  const circuit = randomCircuit(new Rng(3), { inputs: 7 });
  const [train, heldOut] = [circuitSamples(circuit, "train"), circuitSamples(circuit, "heldOut")];
  expect(new Set([...train, ...heldOut].map(({ key }) => key)).size).toBe(2 ** 7);
  expect(heldOut.length).toBeGreaterThan(4);
  for (const { bits, values, outputs } of heldOut) {
    expect(values).toEqual(circuitValues(circuit, bits));
    expect([...outputs]).toEqual(circuit.outputs.map((wire) => values[wire]));
  }
});

test("kinds of gates can be chosen", () => {
  const { gates } = randomCircuit(new Rng(1), { kinds: ["nand"], gates: 6 });
  expect(new Set(gates.map(({ kind }) => kind))).toEqual(new Set(["nand"]));
});

test("refused options say what is wrong", () => {
  const refused = (options: CircuitOptions) => () => randomCircuit(new Rng(1), options);
  expect(refused({ inputs: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: randomCircuit: inputs is 1, not an integer from 2 to 12.]`,
  );
  expect(refused({ inputs: 13 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: randomCircuit: inputs is 13, not an integer from 2 to 12.]`,
  );
  expect(refused({ depth: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: randomCircuit: depth is 0, not an integer of at least 1.]`,
  );
  expect(refused({ gates: 2, depth: 3 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: randomCircuit: gates is 2, not an integer of at least 3.]`,
  );
  expect(refused({ kinds: ["not" as never] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: randomCircuit: kinds is "not", not one of "and", "or", "xor", "nand".]`,
  );
  expect(refused({ inputs: 2, gates: 12, depth: 1 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: randomCircuit: after 3 of 12 gates, none is left at depth 1 that says something new.
      fix: ask for fewer gates, more inputs, or more kinds of gates.]
  `);
  expect(() => circuitValues(small, [1])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: circuitValues: the circuit has 3 inputs, and the number of bits is 1.]`,
  );
  expect(() => circuitSamples(small, "heldOut")).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: circuitSamples: nothing is held out of the 8 settings of 3 inputs.
      fix: draw a circuit of at least 5 inputs, or read all rows of circuitTables.]
  `);
  expect(() => circuitSamples(small, "all" as never)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: circuitSamples: split is "all", not one of "train", "heldOut".]`,
  );
});
