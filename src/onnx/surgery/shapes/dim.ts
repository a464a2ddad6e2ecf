// Sizes that may be names: arithmetic on what ONNX files call dimensions, as far as a shape needs it.

/** A size: a number, a text in names such as "batch" or "past + 2*seq", or null where it is not known. */
export type Dim = number | string | null;

/** Sizes of a tensor's axes. */
export type Shape = readonly Dim[];

/** Products of names with their factors: "batch*seq" stands for that product, "" for 1. */
type Sum = ReadonlyMap<string, number>;

/** A name that may be multiplied and added; any other text is one thing of which nothing is known. */
const PLAIN = /^[A-Za-z_]\w*$/;

/** a + b */
export function plus(a: Dim, b: Dim): Dim {
  return combined(a, b, 1);
}

/** a - b */
export function minus(a: Dim, b: Dim): Dim {
  return combined(a, b, -1);
}

function combined(a: Dim, b: Dim, sign: number): Dim {
  if (a === null || b === null) return null;
  if (b === 0) return a;
  const sum = new Map(sumOf(a));
  for (const [term, factor] of sumOf(b)) sum.set(term, (sum.get(term) ?? 0) + sign * factor);
  return written(sum);
}

/** a * b */
export function times(a: Dim, b: Dim): Dim {
  if (a === 0 || b === 0) return 0;
  if (a === null || b === null) return null;
  if (a === 1) return b;
  if (b === 1) return a;
  const sum = new Map<string, number>();
  for (const [left, x] of sumOf(a)) {
    for (const [right, y] of sumOf(b)) {
      const term = [...factorsOf(left), ...factorsOf(right)].toSorted().join("*");
      sum.set(term, (sum.get(term) ?? 0) + x * y);
    }
  }
  return written(sum);
}

/** a / b where that leaves no rest, whatever the names stand for; null where it may. */
export function over(a: Dim, b: Dim): Dim {
  if (a === null || b === null || b === 0) return null;
  if (b === 1) return a;
  if (a === b) return 1;
  const [divisor, ...others] = sumOf(b);
  if (divisor === undefined || others.length > 0) return null;
  const sum = new Map<string, number>();
  for (const [term, factor] of sumOf(a)) {
    const left = factorsOf(term);
    for (const name of factorsOf(divisor[0])) {
      const at = left.indexOf(name);
      if (at < 0) return null;
      left.splice(at, 1);
    }
    if (factor % divisor[1] !== 0) return null;
    sum.set(left.join("*"), factor / divisor[1]);
  }
  return written(sum);
}

/** The product of sizes. */
export function product(sizes: Shape): Dim {
  return sizes.reduce<Dim>(times, 1);
}

/** The size that two broadcast to; null where that depends on what a name stands for. */
export function broadcastDim(a: Dim, b: Dim): Dim {
  if (a === 1) return b;
  if (b === 1 || a === b) return a;
  // a size above 1 is the result, or the model is wrong
  if (typeof a === "number") return a;
  return typeof b === "number" ? b : null;
}

/** The shape that two broadcast to. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const at = (shape: Shape, i: number): Dim => {
    const own = i - rank + shape.length;
    return own < 0 ? 1 : shape[own]!;
  };
  return Array.from({ length: rank }, (_, i) => broadcastDim(at(a, i), at(b, i)));
}

/** A size that a tensor can have; null for numbers below 0. */
export function asSize(size: Dim): Dim {
  return typeof size === "number" && !(Number.isSafeInteger(size) && size >= 0) ? null : size;
}

function sumOf(size: number | string): Sum {
  if (typeof size === "number") return new Map([["", size]]);
  const sum = new Map<string, number>();
  for (const part of size.split(/ (?=[+-] )/)) {
    const [, sign, text] = /^([+-] |-)?(.*)$/s.exec(part)!;
    const factors = text!.split("*");
    const names = factors.filter((factor) => !/^\d+$/.test(factor));
    if (!names.every((name) => PLAIN.test(name))) return new Map([[size, 1]]);
    const numbers = factors.filter((factor) => !names.includes(factor)).map(Number);
    const term = names.toSorted().join("*");
    const factor = numbers.reduce((x, y) => x * y, sign?.startsWith("-") ? -1 : 1);
    sum.set(term, (sum.get(term) ?? 0) + factor);
  }
  return sum;
}

function factorsOf(term: string): string[] {
  if (term === "") return [];
  return term.split("*").every((name) => PLAIN.test(name)) ? term.split("*") : [term];
}

/** The text of a sum: names in their order, the number last. */
function written(sum: Sum): Dim {
  const terms = [...sum]
    .filter(([, factor]) => factor !== 0)
    .toSorted(([a], [b]) => Number(a === "") - Number(b === "") || (a < b ? -1 : 1));
  if (terms.some(([, factor]) => !Number.isSafeInteger(factor))) return null;
  const [first] = terms;
  if (first === undefined) return 0;
  if (first[0] === "") return first[1];
  const texts = terms.map(([term, factor], i) => {
    const size = Math.abs(factor);
    const text = term === "" ? `${size}` : size === 1 ? term : `${size}*${term}`;
    if (i === 0) return factor < 0 ? `-${text}` : text;
    return `${factor < 0 ? "-" : "+"} ${text}`;
  });
  // longer texts help nobody
  return terms.length > 8 ? null : texts.join(" ");
}
