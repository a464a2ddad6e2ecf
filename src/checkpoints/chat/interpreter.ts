// @huggingface/jinja, held to what Python's Jinja does where the two differ without saying so: how values that are no text are
// written, what is equal, and what becomes of text before a `break`.

import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";

/** A value of a running template. */
interface Value {
  readonly toString: () => string;
  readonly type: string;
  /** Text, number, boolean, an array of values or a map of them; undefined where the type says it all. */
  readonly value: unknown;
}

interface Node {
  readonly type: string;
}

interface Binary extends Node {
  readonly operator: { readonly value: string };
  readonly left: Node;
  readonly right: Node;
}

interface Filtered extends Node {
  readonly operand: Node;
  readonly filter: { readonly type: string; readonly value: unknown };
}

/** The library's class; its declarations name their files without extensions, so TypeScript does not find it. */
const LibraryInterpreter = Interpreter as unknown as new (environment: Environment) => {
  evaluate(node: Node | undefined, environment: Environment): Value;
  evaluateBlock(nodes: readonly Node[], environment: Environment): Value;
  evaluateArguments(
    nodes: readonly Node[],
    environment: Environment,
  ): [positional: Value[], named: Map<string, Value>];
  run(program: unknown): Value;
};

/** Some times what a conversation of a thousand messages takes; about a second. */
const MAX_STEPS = 500_000;
/** A turn of a loop costs more than an expression, a character less. */
const STEPS_A_BLOCK = 4;
const CHARACTERS_A_STEP = 64;
/** To look at a value takes that much less than to make it. */
const LOOK = 1 / 16;

/** Longer templates, or such runs of white space in them, keep the library's lexer busy for the square of their length. */
const MAX_CHARACTERS = 2 ** 18;
const longSpace = /\s{1001}/;

/** Stops a template that would run for ever. */
class Budget {
  #spent = 0;

  /** @throws Error when all steps are used up */
  spend(steps: number): void {
    this.#spent += steps;
    if (!(this.#spent <= MAX_STEPS)) throw new Error(`it takes more than ${MAX_STEPS} steps`);
  }
}

/**
 * Runs a template over variables, blocks taking the line break after them and the spaces before them along as in `transformers`.
 *
 * @param variables - JSON values and functions by name
 * @throws Error for a template that is wrong, that goes on for more than half a million steps, or that the library would get wrong
 */
export function render(template: string, variables: Readonly<Record<string, unknown>>): string {
  if (template.length > MAX_CHARACTERS) throw new Error(`it has over ${MAX_CHARACTERS} characters`);
  if (longSpace.test(template)) throw new Error("it has over 1000 blanks in one place");
  const environment = new Environment();
  const budget = new Budget();
  const globals = { ...constants, range: boundedRange(budget), dict, ...variables };
  for (const [name, value] of Object.entries(globals)) environment.set(name, value);
  const program = parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true }));
  return pythonText(new PythonLikeInterpreter(environment, budget).run(program));
}

const constants = { true: true, false: false, none: null, True: true, False: false, None: null };

function boundedRange(budget: Budget): (...args: readonly number[]) => number[] {
  return (...args) => {
    const [start, stop, step = 1] = args.length < 2 ? [0, args[0]!] : (args as [number, number]);
    const length = Math.max(0, Math.ceil((stop - start) / step));
    budget.spend(STEPS_A_BLOCK * length);
    return Array.from({ length }, (_, i) => start + i * step);
  };
}

const dict = (...parts: readonly object[]): object => Object.assign({}, ...parts) as object;

class PythonLikeInterpreter extends LibraryInterpreter {
  readonly #budget: Budget;
  readonly #costs = new WeakMap<Value, number>();
  #isLeavingLoop = false;

  constructor(environment: Environment, budget: Budget) {
    super(environment);
    this.#budget = budget;
  }

  override evaluate(node: Node | undefined, environment: Environment): Value {
    this.#budget.spend(1);
    const value = this.#evaluated(node, environment);
    this.#budget.spend(this.#cost(value) * (making.has(node?.type ?? "") ? 1 : LOOK));
    return value;
  }

  /** Numbers say how far to indent or how much to repeat. */
  override evaluateArguments(
    nodes: readonly Node[],
    environment: Environment,
  ): [positional: Value[], named: Map<string, Value>] {
    const [positional, named] = super.evaluateArguments(nodes, environment);
    for (const { value } of [...positional, ...named.values()]) {
      if (typeof value === "number") this.#budget.spend(Math.abs(value) / CHARACTERS_A_STEP);
    }
    return [positional, named];
  }

  #evaluated(node: Node | undefined, environment: Environment): Value {
    if (node?.type === "BinaryExpression") {
      return this.#binary(node as Binary, environment) ?? super.evaluate(node, environment);
    }
    if (node?.type === "FilterExpression") {
      const { operand, filter } = node as Filtered;
      const isString = filter.type === "Identifier" && filter.value === "string";
      if (isString) return this.#text(pythonText(this.evaluate(operand, environment)), environment);
    }
    if (node?.type === "Break" || node?.type === "Continue") this.#isLeavingLoop = true;
    return super.evaluate(node, environment);
  }

  override evaluateBlock(nodes: readonly Node[], environment: Environment): Value {
    this.#budget.spend(STEPS_A_BLOCK);
    let text = "";
    for (const node of nodes) {
      try {
        const value = this.evaluate(node, environment);
        if (!silent.has(node.type)) text += pythonText(value);
      } catch (cause) {
        if (!this.#isLeavingLoop || text === "") throw cause;
        throw new Error("it leaves a loop after writing text in it, which is not supported", {
          cause,
        });
      }
      this.#isLeavingLoop = false;
    }
    return this.#text(text, environment);
  }

  #binary({ operator, left, right }: Binary, environment: Environment): Value | undefined {
    const of = (node: Node): Value => this.evaluate(node, environment);
    switch (operator.value) {
      case "~":
        return this.#text(pythonText(of(left)) + pythonText(of(right)), environment);
      case "==":
        return this.#boolean(isEqual(of(left), of(right)), environment);
      case "!=":
        return this.#boolean(!isEqual(of(left), of(right)), environment);
      default:
        return undefined;
    }
  }

  /** Steps that it takes to write a value out; what a list holds twice counts twice, or doubling one forty times would be cheap. */
  #cost(value: Value): number {
    const inner = value.value;
    if (typeof inner === "string") return inner.length / CHARACTERS_A_STEP;
    if (!(inner instanceof Map || Array.isArray(inner))) return 0;
    const known = this.#costs.get(value);
    if (known !== undefined) return known;
    // a namespace may hold itself
    this.#costs.set(value, 1);
    let cost = 1;
    for (const part of (inner as readonly Value[]).values()) cost += 1 + this.#cost(part);
    this.#costs.set(value, cost);
    return cost;
  }

  #text(value: string, environment: Environment): Value {
    this.#budget.spend(value.length / CHARACTERS_A_STEP);
    return super.evaluate({ type: "StringLiteral", value } as Node, environment);
  }

  #boolean(value: boolean, environment: Environment): Value {
    return super.evaluate({ type: "Identifier", value: String(value) } as Node, environment);
  }
}

/** Expressions that make new texts and lists, of which each may be larger than what it is made of. */
const making: ReadonlySet<string> = new Set([
  "ArrayLiteral",
  "BinaryExpression",
  "CallExpression",
  "FilterExpression",
  "ObjectLiteral",
  "TupleLiteral",
]);

/** Statements, whose value is no output. */
const silent: ReadonlySet<string> = new Set(["Set", "Macro", "Comment"]);

/** `str(value)` of Python: text as it is, anything else as Python writes it. */
function pythonText(value: Value): string {
  if (value.type === "UndefinedValue") return "";
  return typeof value.value === "string" ? value.value : pythonLiteral(value);
}

/** `repr(value)` of Python. */
function pythonLiteral(value: Value): string {
  const inner = value.value;
  if (typeof inner === "string") return quoted(inner);
  if (inner === true) return "True";
  if (inner === false) return "False";
  if (value.type === "NullValue") return "None";
  if (inner instanceof Map) {
    const entries = [...(inner as ReadonlyMap<string, Value>)];
    return `{${entries.map(([key, of]) => `${quoted(key)}: ${pythonLiteral(of)}`).join(", ")}}`;
  }
  if (Array.isArray(inner)) {
    const items = (inner as readonly Value[]).map(pythonLiteral).join(", ");
    return value.type === "TupleValue"
      ? `(${items}${inner.length === 1 ? "," : ""})`
      : `[${items}]`;
  }
  return value.toString();
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const body = text.replaceAll(/[\\\p{Cc}'"]/gu, (char) => {
    if (char === "\\" || char === quote) return `\\${char}`;
    if (char === "'" || char === '"') return char;
    return escapes[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return quote + body + quote;
}

/** `a == b` of Python: numbers and booleans by value, lists and dicts by what they hold. */
function isEqual(a: Value, b: Value): boolean {
  const [x, y] = [a.value, b.value];
  if (x instanceof Map && y instanceof Map) {
    const [left, right] = [x, y] as [Map<string, Value>, Map<string, Value>];
    const isIn = ([key, of]: [string, Value]): boolean =>
      right.has(key) && isEqual(of, right.get(key)!);
    return left.size === right.size && [...left].every(isIn);
  }
  if (Array.isArray(x) && Array.isArray(y)) {
    const right = y as Value[];
    return x.length === y.length && (x as Value[]).every((of, i) => isEqual(of, right[i]!));
  }
  const number = (of: unknown): unknown => (typeof of === "boolean" ? Number(of) : of);
  return number(x) === number(y) && (x !== undefined || a.type === b.type);
}
