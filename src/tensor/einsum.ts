// Sums of products over named axes, made of transpositions, reshapes, sums and matrix products.

import { PatchClampError } from "../core/errors.ts";
import { showShape } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** A tensor and the letter of each of its axes. */
interface Term {
  readonly tensor: Tensor;
  readonly letters: readonly string[];
}

/**
 * Sums products of tensors over the axes that the output does not name.
 *
 * Operands are taken together from left to right, each pair as one matrix product.
 *
 * @param equation - a letter for every axis, as in `"bqhd,bkhd->bhqk"`; equal letters are equal sizes
 * @param tensors - one for every part left of the arrow
 * @returns a tensor with the axes right of the arrow, in that order
 * @throws PatchClampError `BAD_OPTION` when the equation cannot be read or does not go with itself
 * @throws PatchClampError `SHAPE_MISMATCH` when the equation does not go with the tensors
 * @source Daniel & Gray 2018, "opt_einsum", doi:10.21105/joss.00753 (the mapping onto matrix products)
 */
export function einsum(equation: string, ...tensors: readonly Tensor[]): Tensor {
  const { operands, output } = parse(equation);
  checkOperands(equation, operands, tensors);
  const [first, ...rest] = tensors.map((tensor, i): Term => ({ tensor, letters: operands[i]! }));
  let sofar = first!;
  for (const [i, term] of rest.entries()) {
    const needed = new Set([...output, ...operands.slice(i + 2).flat()]);
    sofar = multiply(sumOut(sofar, [...needed, ...term.letters]), term, needed);
  }
  return arranged(sumOut(sofar, output), output).tensor;
}

/** The product of two terms, summed over the letters they share that nobody needs. */
function multiply(a: Term, other: Term, needed: ReadonlySet<string>): Term {
  const b = sumOut(other, [...needed, ...a.letters]);
  const shared = a.letters.filter((letter) => b.letters.includes(letter));
  const batch = shared.filter((letter) => needed.has(letter));
  const inner = shared.filter((letter) => !needed.has(letter));
  const rows = a.letters.filter((letter) => !shared.includes(letter));
  const columns = b.letters.filter((letter) => !shared.includes(letter));
  const letters = [...batch, ...rows, ...columns];
  const product =
    inner.length === 0
      ? arranged(a, [...batch, ...rows])
          .tensor.reshape([...sizes(a, batch), ...sizes(a, rows), ...columns.map(() => 1)])
          .mul(
            arranged(b, [...batch, ...columns]).tensor.reshape([
              ...sizes(b, batch),
              ...rows.map(() => 1),
              ...sizes(b, columns),
            ]),
          )
      : matrices(a, batch, rows, inner).matmul(matrices(b, batch, inner, columns));
  return {
    letters,
    tensor: product.reshape([...sizes(a, batch), ...sizes(a, rows), ...sizes(b, columns)]),
  };
}

/** A term as matrices: [...batch, the product of the rows, the product of the columns]. */
function matrices(
  term: Term,
  batch: readonly string[],
  rows: readonly string[],
  columns: readonly string[],
): Tensor {
  const count = (letters: readonly string[]): number =>
    sizes(term, letters).reduce((product, size) => product * size, 1);
  const shape = [...sizes(term, batch), count(rows), count(columns)];
  return arranged(term, [...batch, ...rows, ...columns]).tensor.reshape(shape);
}

function sizes({ tensor, letters }: Term, wanted: readonly string[]): number[] {
  return wanted.map((letter) => tensor.shape[letters.indexOf(letter)]!);
}

/** The term with its axes in another order. */
function arranged({ tensor, letters }: Term, order: readonly string[]): Term {
  return {
    tensor: tensor.transpose(order.map((letter) => letters.indexOf(letter))),
    letters: order,
  };
}

/** The term summed over every letter that is not in `kept`. */
function sumOut({ tensor, letters }: Term, kept: readonly string[]): Term {
  const axis = letters.flatMap((letter, i) => (kept.includes(letter) ? [] : [i]));
  if (axis.length === 0) return { tensor, letters };
  return { tensor: tensor.sum({ axis }), letters: letters.filter((l) => kept.includes(l)) };
}

function parse(equation: string): { operands: string[][]; output: string[] } {
  const match = /^([a-z]*(?:,[a-z]*)*)->([a-z]*)$/i.exec(equation.replaceAll(" ", ""));
  if (match === null) {
    throw refusal(equation, "is not letters, commas and one arrow", 'write it as "ij,jk->ik".');
  }
  const operands = match[1]!.split(",").map((part) => part.split(""));
  const output = match[2]!.split("");
  const twice = [...operands, output].find((part) => new Set(part).size !== part.length);
  if (twice !== undefined) {
    throw refusal(
      equation,
      `names an axis of "${twice.join("")}" twice`,
      "use one letter an axis.",
    );
  }
  const stray = output.find((letter) => !operands.some((part) => part.includes(letter)));
  if (stray !== undefined) {
    throw refusal(equation, `has "${stray}" right of the arrow only`, "name it in an operand too.");
  }
  return { operands, output };
}

function refusal(equation: string, what: string, fix: string): PatchClampError {
  return new PatchClampError("BAD_OPTION", {
    where: "einsum",
    problem: `the equation "${equation}" ${what}.`,
    fix,
  });
}

function checkOperands(
  equation: string,
  operands: readonly (readonly string[])[],
  tensors: readonly Tensor[],
): void {
  const mismatch = (problem: string): PatchClampError =>
    new PatchClampError("SHAPE_MISMATCH", { where: "einsum", problem });
  if (operands.length !== tensors.length) {
    throw mismatch(
      `the equation "${equation}" has ${operands.length} operands, but ${tensors.length} tensors were given.`,
    );
  }
  const known = new Map<string, number>();
  for (const [i, letters] of operands.entries()) {
    const { shape } = tensors[i]!;
    if (letters.length !== shape.length) {
      throw mismatch(
        `operand ${i} of "${equation}" has ${letters.length} letters, but the tensor has shape ${showShape(shape)}.`,
      );
    }
    for (const [axis, letter] of letters.entries()) {
      const size = known.get(letter) ?? shape[axis]!;
      if (size !== shape[axis]) {
        throw mismatch(
          `"${letter}" of "${equation}" is ${size} in one operand and ${shape[axis]} in another.`,
        );
      }
      known.set(letter, size);
    }
  }
}
