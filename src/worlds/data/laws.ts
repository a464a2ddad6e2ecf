// Laws of nature with their columns, units and everyday ranges. Some columns are ones that the law does not name, such as a
// pendulum's mass: what people measure is not always what matters.

import { PatchClampError } from "../../core/errors.ts";
import {
  apply,
  column,
  columnsOf,
  difference,
  number,
  power,
  product,
  quotient,
  sum,
} from "./expression.ts";
import type { Expression } from "./expression.ts";

/** A quantity that a table has a column for. */
export interface LawColumn {
  readonly name: string;
  /** SI or derived, `1` for a pure number. */
  readonly unit: string;
  /** Values are uniform between these, in the column's unit. */
  readonly range: readonly [least: number, most: number];
}

/** A formula for a target, with what is measured. */
export interface Law {
  readonly name: string;
  readonly target: { readonly name: string; readonly unit: string };
  /** What is measured; it may hold more than the formula names. */
  readonly columns: readonly LawColumn[];
  readonly formula: Expression;
}

const c = column;
const n = number;
const of = (name: string, unit: string, least: number, most: number): LawColumn => ({
  name,
  unit,
  range: [least, most],
});

/** The laws, each with every column in a range where its target is finite and smooth. */
export const laws: readonly Law[] = [
  {
    name: "pendulum",
    target: { name: "period", unit: "s" },
    columns: [
      of("length", "m", 0.2, 2),
      of("gravity", "m/s^2", 1.6, 25),
      of("amplitude", "rad", 0, 1.2),
      of("mass", "kg", 0.1, 5),
    ],
    // the first correction for a wide swing
    formula: product(
      n(2 * Math.PI),
      power(quotient(c("length"), c("gravity")), 0.5),
      sum(n(1), quotient(power(c("amplitude"), 2), n(16))),
    ),
  },
  {
    name: "projectile",
    target: { name: "range", unit: "m" },
    columns: [
      of("speed", "m/s", 5, 40),
      of("angle", "rad", 0.1, 1.45),
      of("gravity", "m/s^2", 5, 25),
      of("mass", "kg", 0.1, 5),
    ],
    formula: quotient(
      product(power(c("speed"), 2), apply("sin", product(n(2), c("angle")))),
      c("gravity"),
    ),
  },
  {
    name: "lens",
    target: { name: "image", unit: "m" },
    columns: [
      of("object", "m", 0.4, 2),
      of("focal", "m", 0.05, 0.25),
      of("aperture", "m", 0.01, 0.05),
    ],
    // 1 / focal = 1 / object + 1 / image
    formula: quotient(product(c("focal"), c("object")), difference(c("object"), c("focal"))),
  },
  {
    name: "circuit",
    target: { name: "current", unit: "A" },
    columns: [
      of("voltage", "V", 1, 24),
      of("series", "ohm", 1, 20),
      of("branch1", "ohm", 1, 50),
      of("branch2", "ohm", 1, 50),
    ],
    // Ohm's law for one resistor before two parallel ones
    formula: quotient(
      c("voltage"),
      sum(
        c("series"),
        quotient(product(c("branch1"), c("branch2")), sum(c("branch1"), c("branch2"))),
      ),
    ),
  },
  {
    name: "gas",
    target: { name: "pressure", unit: "kPa" },
    columns: [
      of("amount", "mol", 0.5, 4),
      of("temperature", "K", 200, 500),
      of("volume", "L", 10, 60),
    ],
    formula: quotient(product(n(8.314), c("amount"), c("temperature")), c("volume")),
  },
  {
    name: "oscillator",
    target: { name: "displacement", unit: "m" },
    columns: [
      of("amplitude", "m", 0.5, 2),
      of("damping", "1/s", 0.1, 1),
      of("frequency", "rad/s", 1, 4),
      of("time", "s", 0, 3),
    ],
    formula: product(
      c("amplitude"),
      apply("exp", product(n(-1), c("damping"), c("time"))),
      apply("cos", product(c("frequency"), c("time"))),
    ),
  },
  {
    name: "enzyme",
    target: { name: "rate", unit: "umol/s" },
    columns: [
      of("maximum", "umol/s", 1, 10),
      of("substrate", "mmol/L", 0.1, 10),
      of("affinity", "mmol/L", 0.5, 5),
      of("inhibitor", "mmol/L", 0, 4),
      of("inhibition", "mmol/L", 0.5, 4),
    ],
    // Michaelis and Menten with a competitive inhibitor
    formula: quotient(
      product(c("maximum"), c("substrate")),
      sum(
        product(c("affinity"), sum(n(1), quotient(c("inhibitor"), c("inhibition")))),
        c("substrate"),
      ),
    ),
  },
  {
    name: "refraction",
    target: { name: "refracted", unit: "rad" },
    columns: [
      of("incident", "rad", 0, 1.4),
      of("index1", "1", 1, 1.3),
      of("index2", "1", 1.4, 2.4),
    ],
    formula: apply(
      "asin",
      quotient(product(c("index1"), apply("sin", c("incident"))), c("index2")),
    ),
  },
  {
    name: "radiation",
    target: { name: "power", unit: "W" },
    columns: [
      of("emissivity", "1", 0.1, 1),
      of("area", "m^2", 0.1, 2),
      of("temperature", "K", 300, 600),
      of("surroundings", "K", 250, 320),
    ],
    formula: product(
      n(5.670374e-8),
      c("emissivity"),
      c("area"),
      difference(power(c("temperature"), 4), power(c("surroundings"), 4)),
    ),
  },
  {
    name: "hillside",
    target: { name: "insolation", unit: "1" },
    columns: [
      of("slope", "rad", 0, 0.7),
      of("aspect", "rad", 0, 6.28),
      of("elevation", "rad", 0.3, 1.4),
      of("azimuth", "rad", 1.5, 4.7),
      of("distance", "m", 10, 1000),
    ],
    // the cosine of the angle between the sun and the ground's normal
    formula: sum(
      product(apply("cos", c("slope")), apply("sin", c("elevation"))),
      product(
        apply("sin", c("slope")),
        apply("cos", c("elevation")),
        apply("cos", difference(c("azimuth"), c("aspect"))),
      ),
    ),
  },
];

/** The names of the laws. */
export const lawNames: readonly string[] = laws.map((law) => law.name);

/**
 * Finds a law by its name.
 *
 * @throws PatchClampError `UNKNOWN_NAME` when there is none of that name
 */
export function lawNamed(name: string): Law {
  const found = laws.find((law) => law.name === name);
  if (found !== undefined) return found;
  throw new PatchClampError("UNKNOWN_NAME", {
    where: "lawNamed",
    problem: `there is no law "${name}"; there are ${lawNames.join(", ")}.`,
  });
}

/** The columns of a law that its formula names, in the order of the columns. */
export function relevantColumns(law: Law): LawColumn[] {
  const named = new Set(columnsOf(law.formula));
  return law.columns.filter(({ name }) => named.has(name));
}
