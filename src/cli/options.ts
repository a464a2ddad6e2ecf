// Kinds of options, and the operands that several commands share.

import { InvalidArgumentError } from "commander";

import type { Operand, OptionSpec } from "./command.ts";

/** A switch, off unless given. */
export function flag(help: string): OptionSpec<boolean> {
  return { help, default: false };
}

/** A text. */
export function text(value: string, help: string): OptionSpec<string | undefined> {
  return { value, help };
}

/** Several texts; none unless given. */
export function texts(value: string, help: string): OptionSpec<readonly string[]> {
  return { value, help, isList: true, default: [] };
}

/** A number that has a default. */
export function number(value: string, help: string, standard: number): OptionSpec<number> {
  return { value, help, parse: toNumber, default: standard };
}

/** A number that may be left out. */
export function optionalNumber(value: string, help: string): OptionSpec<number | undefined> {
  return { value, help, parse: toNumber };
}

/** One word of several; none unless given. */
export function choice<const T extends string>(
  choices: readonly T[],
  help: string,
): OptionSpec<T | undefined> {
  const parse = (given: string): T => {
    const chosen = choices.find((one) => one === given);
    if (chosen !== undefined) return chosen;
    throw new InvalidArgumentError(`"${given}" is none of ${choices.join(", ")}.`);
  };
  return { value: choices.join("|"), help, parse };
}

/** Numbers as a list `-4,0,4` or a range of whole steps `-6..6`. */
export function numbers(
  value: string,
  help: string,
  standard: string,
): OptionSpec<readonly number[]> {
  return { value, help, parse: toNumbers, default: toNumbers(standard) };
}

function toNumber(given: string): number {
  const parsed = Number(given);
  if (given.trim() !== "" && Number.isFinite(parsed)) return parsed;
  throw new InvalidArgumentError(`"${given}" is not a number.`);
}

const mostSteps = 64;

function toNumbers(given: string): readonly number[] {
  const [from, to, ...rest] = given.split("..");
  if (to === undefined) return given.split(",").map(toNumber);
  const [low, high] = [toNumber(from!), toNumber(to)];
  if (rest.length > 0 || low >= high) {
    throw new InvalidArgumentError(
      `"${given}" is not a range such as -6..6, whose first number is the smaller.`,
    );
  }
  const count = Math.floor(high - low) + 1;
  if (count > mostSteps) {
    throw new InvalidArgumentError(`"${given}" has ${count} steps of 1, more than ${mostSteps}.`);
  }
  return Array.from({ length: count }, (_, i) => low + i);
}

/** The network of a command. */
export const networkOperand: Operand = {
  name: "network",
  help: "organism:NAME, a folder in Hugging Face layout, hf:org/name@revision, or a GGUF or ONNX file",
  default: "organism:stories",
};

/** The prompt of a command. */
export const promptOperand: Operand = {
  name: "prompt",
  help: "the text to begin with, in quotes",
};

/** The prompt of a command that also runs ONNX models, whose inputs may come from a file. */
export const inputOperand: Operand = { ...promptOperand, unless: "inputs" };
