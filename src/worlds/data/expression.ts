// Formulas over named columns, as trees: they have a value, an exact derivative and a text. Whatever a law says about its
// target follows from its one tree.

/** A function of one argument; angles are in radians, `log` is natural. */
export type UnaryName = "sin" | "cos" | "tanh" | "exp" | "log" | "asin";

/** A formula. */
export type Expression =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "column"; readonly name: string }
  | {
      readonly kind: "sum" | "difference" | "product" | "quotient";
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "power"; readonly of: Expression; readonly exponent: number }
  | { readonly kind: "call"; readonly name: UnaryName; readonly of: Expression };

const functions: Record<UnaryName, (x: number) => number> = {
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  exp: Math.exp,
  log: Math.log,
  asin: Math.asin,
};

const isNumber = (e: Expression, value: number): boolean =>
  e.kind === "number" && e.value === value;

/** A number that stays the same. */
export const number = (value: number): Expression => ({ kind: "number", value });

/** The value of a column. */
export const column = (name: string): Expression => ({ kind: "column", name });

/** `left + right`; a zero falls away. */
export function sum(left: Expression, right: Expression): Expression {
  if (isNumber(left, 0)) return right;
  return isNumber(right, 0) ? left : { kind: "sum", left, right };
}

/** `left - right`; a zero on the right falls away. */
export function difference(left: Expression, right: Expression): Expression {
  return isNumber(right, 0) ? left : { kind: "difference", left, right };
}

/** The product of all; ones fall away, and a zero makes all of it zero. */
export function product(...factors: readonly Expression[]): Expression {
  if (factors.some((factor) => isNumber(factor, 0))) return number(0);
  const rest = factors.filter((factor) => !isNumber(factor, 1));
  if (rest.length === 0) return number(1);
  return rest.reduce((left, right) => ({ kind: "product", left, right }));
}

/** `left / right`; nothing over something is zero. */
export function quotient(left: Expression, right: Expression): Expression {
  return isNumber(left, 0) ? left : { kind: "quotient", left, right };
}

/** `of` to a fixed exponent; 0.5 is the square root. */
export function power(of: Expression, exponent: number): Expression {
  return exponent === 1 ? of : { kind: "power", of, exponent };
}

/** A function of `of`. */
export const apply = (name: UnaryName, of: Expression): Expression => ({ kind: "call", name, of });

/**
 * Works out a formula.
 *
 * @param row - the value of every column that the formula names
 */
export function valueOf(e: Expression, row: Readonly<Record<string, number>>): number {
  switch (e.kind) {
    case "number":
      return e.value;
    case "column":
      return row[e.name]!;
    case "sum":
      return valueOf(e.left, row) + valueOf(e.right, row);
    case "difference":
      return valueOf(e.left, row) - valueOf(e.right, row);
    case "product":
      return valueOf(e.left, row) * valueOf(e.right, row);
    case "quotient":
      return valueOf(e.left, row) / valueOf(e.right, row);
    case "power":
      return valueOf(e.of, row) ** e.exponent;
    case "call":
      return functions[e.name](valueOf(e.of, row));
  }
}

/** Differentiates a formula by one column, exactly. */
export function derivativeOf(e: Expression, by: string): Expression {
  switch (e.kind) {
    case "number":
      return number(0);
    case "column":
      return number(e.name === by ? 1 : 0);
    case "sum":
      return sum(derivativeOf(e.left, by), derivativeOf(e.right, by));
    case "difference":
      return difference(derivativeOf(e.left, by), derivativeOf(e.right, by));
    case "product":
      return sum(
        product(derivativeOf(e.left, by), e.right),
        product(e.left, derivativeOf(e.right, by)),
      );
    // (u / v)' = u' / v - u v' / v^2
    case "quotient":
      return difference(
        quotient(derivativeOf(e.left, by), e.right),
        quotient(product(e.left, derivativeOf(e.right, by)), power(e.right, 2)),
      );
    case "power":
      return product(number(e.exponent), power(e.of, e.exponent - 1), derivativeOf(e.of, by));
    case "call":
      return product(slopeOf(e.name, e.of), derivativeOf(e.of, by));
  }
}

/** The derivative of a function by its argument. */
function slopeOf(name: UnaryName, of: Expression): Expression {
  switch (name) {
    case "sin":
      return apply("cos", of);
    case "cos":
      return product(number(-1), apply("sin", of));
    case "tanh":
      return difference(number(1), power(apply("tanh", of), 2));
    case "exp":
      return apply("exp", of);
    case "log":
      return power(of, -1);
    case "asin":
      return power(difference(number(1), power(of, 2)), -0.5);
  }
}

/** The columns that a formula names, each once, in the order in which it names them. */
export function columnsOf(e: Expression): string[] {
  if (e.kind === "number") return [];
  if (e.kind === "column") return [e.name];
  const parts = "of" in e ? [e.of] : [e.left, e.right];
  return [...new Set(parts.flatMap(columnsOf))];
}

/** How many operations lie between the root and the deepest number or column, both ends counted: 0 for a mere column. */
export function depthOf(e: Expression): number {
  if (e.kind === "number" || e.kind === "column") return 0;
  return 1 + Math.max(...("of" in e ? [e.of] : [e.left, e.right]).map(depthOf));
}

const signs = { sum: "+", difference: "-", product: "*", quotient: "/" } as const;

/** Writes a formula as one would type it, such as `speed ^ 2 * sin(2 * angle) / gravity`. */
export function textOf(e: Expression): string {
  switch (e.kind) {
    case "number":
      return String(e.value);
    case "column":
      return e.name;
    case "sum":
    case "difference":
    case "product":
    case "quotient": {
      const level = levelOf(e);
      // a - (b - c) and a / (b / c) need their brackets, so on the right even an equal level gets them
      return `${within(e.left, level)} ${signs[e.kind]} ${within(e.right, level + 1)}`;
    }
    case "power":
      return e.exponent === 0.5 ? `sqrt(${textOf(e.of)})` : `${within(e.of, 4)} ^ ${e.exponent}`;
    case "call":
      return `${e.name}(${textOf(e.of)})`;
  }
}

function levelOf(e: Expression): number {
  if (e.kind === "sum" || e.kind === "difference") return 1;
  if (e.kind === "product" || e.kind === "quotient") return 2;
  return e.kind === "power" && e.exponent !== 0.5 ? 3 : 4;
}

const within = (e: Expression, least: number): string =>
  levelOf(e) < least || (e.kind === "number" && e.value < 0) ? `(${textOf(e)})` : textOf(e);
