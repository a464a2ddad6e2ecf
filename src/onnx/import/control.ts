// Operators with bodies: which branch is taken and how often a loop runs must be known before the graph runs, as shapes are.

import { fromHost } from "../../tensor/leaf.ts";
import { full } from "../../tensor/ops/creation.ts";
import { stack } from "../../tensor/ops/joining.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { OnnxGraph } from "../model.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import { knownNumbers } from "./known.ts";

/** Steps that a loop may take: each is written out. */
const MOST_STEPS = 4096;

function bodyOf(context: ImportContext, name: string): OnnxGraph {
  const found = context.attribute(name);
  if (found?.kind === "graph") return found.value;
  throw context.refuse(`lacks its body "${name}"`);
}

function branch(context: ImportContext): readonly Tensor[] {
  const condition = context.input(0);
  const known = knownNumbers(condition);
  const then = (): readonly Tensor[] => context.body(bodyOf(context, "then_branch"), []);
  const otherwise = (): readonly Tensor[] => context.body(bodyOf(context, "else_branch"), []);
  if (known !== undefined) return known[0] === 0 ? otherwise() : then();
  const others = otherwise();
  return then().map((x, i) => {
    const other = others[i]!;
    if (x.shape.join() !== other.shape.join()) {
      throw context.refuse(
        `gives [${x.shape.join(", ")}] or [${other.shape.join(", ")}], and which of them depends on values`,
      );
    }
    return condition.reshape([]).where(x, other);
  });
}

function loop(context: ImportContext): readonly Tensor[] {
  const body = bodyOf(context, "body");
  const most = context.known(0)?.[0] ?? Infinity;
  const carriedCount = context.inputs.length - 2;
  let carried = context.inputs.slice(2).map((_, i) => context.input(i + 2));
  let goesOn = context.known(1)?.[0] !== 0;
  const collected: Tensor[][] = body.outputs.slice(1 + carriedCount).map(() => []);
  for (let step = 0; step < most && goesOn; step++) {
    if (step === MOST_STEPS) throw context.refuse(`takes more than ${MOST_STEPS} steps`);
    const at = fromHost(BigInt64Array.of(BigInt(step)), { shape: [], dtype: "int64" });
    const [next, ...results] = context.body(body, [at, full([], 1, "bool"), ...carried]);
    carried = results.slice(0, carriedCount);
    for (const [i, x] of results.slice(carriedCount).entries()) collected[i]!.push(x);
    const known = knownNumbers(next!);
    if (known === undefined) throw context.refuse("goes on or ends by what it computes");
    goesOn = known[0] !== 0;
  }
  return [...carried, ...collected.map((parts) => stacked(context, parts, 0))];
}

function stacked(context: ImportContext, parts: readonly Tensor[], axis: number): Tensor {
  if (parts.length > 0) return stack(parts, { axis });
  throw context.refuse("collects the results of no step, whose shape is not known");
}

function scanned(context: ImportContext): readonly Tensor[] {
  if (context.opset < 9) throw context.refuse("is of an operator set before version 9");
  const body = bodyOf(context, "body");
  const scans = context.int("num_scan_inputs", 0);
  const states = context.inputs.length - scans;
  if (!(scans >= 1 && states >= 0))
    throw context.refuse(`goes along ${scans} of its ${context.inputs.length} inputs`);
  const axisOf = (list: string, i: number): number => context.ints(list)?.[i] ?? 0;
  const isBackwards = (list: string, i: number): boolean => context.ints(list)?.[i] === 1;
  const sliced = context.inputs.slice(states).map((_, i) => context.input(states + i));
  const axes = sliced.map((x, i) => {
    const axis = axisOf("scan_input_axes", i);
    return axis < 0 ? axis + x.rank : axis;
  });
  const steps = sliced[0]!.shape[axes[0]!]!;
  if (steps > MOST_STEPS) throw context.refuse(`takes more than ${MOST_STEPS} steps`);
  let state = context.inputs.slice(0, states).map((_, i) => context.input(i));
  const collected: Tensor[][] = body.outputs.slice(states).map(() => []);
  for (let step = 0; step < steps; step++) {
    const own = sliced.map((x, i) => {
      const at = isBackwards("scan_input_directions", i) ? steps - 1 - step : step;
      return x.slice({ axis: axes[i]!, start: at, end: at + 1 }).squeeze(axes[i]!);
    });
    const results = context.body(body, [...state, ...own]);
    state = results.slice(0, states);
    for (const [i, x] of results.slice(states).entries()) collected[i]!.push(x);
  }
  const outputs = collected.map((parts, i) => {
    const ordered = isBackwards("scan_output_directions", i) ? parts.toReversed() : parts;
    const axis = axisOf("scan_output_axes", i);
    const rank = (ordered[0]?.rank ?? 0) + 1;
    return stacked(context, ordered, axis < 0 ? axis + rank : axis);
  });
  return [...state, ...outputs];
}

export const control: ImportHandlers = { If: branch, Loop: loop, Scan: scanned };
