// Operators that read and write elements by their places.

import { customGradient } from "../../tensor/control.ts";
import { arange, zeros } from "../../tensor/ops/creation.ts";
import { resolveAxis, sizeOf } from "../../tensor/tensor.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import { integers } from "./shapes.ts";

function gathered({ input, int }: ImportContext): Tensor {
  return input(0).gather(input(1), { axis: int("axis", 0) });
}

/** Indices may reach over a part of the other axes only, which is then the part that is read. */
function gatheredElements({ opType, input, int }: ImportContext): Tensor {
  const [x, indices] = [input(0), input(1)];
  const axis = resolveAxis(opType, int("axis", 0), x.rank);
  return covered(x, indices.shape, axis).takeAlongAxis(indices, { axis });
}

/** The beginning of every axis but one, as long as in `shape`. */
function covered(x: Tensor, shape: readonly number[], axis: number): Tensor {
  return shape.reduce(
    (rest, size, i) =>
      i === axis || size === rest.shape[i] ? rest : rest.slice({ axis: i, start: 0, end: size }),
    x,
  );
}

/** What lists of indices point at. */
interface Pointed {
  /** Of the tensor, [places, part]: every list of indices is one place. */
  readonly rows: Tensor;
  /** Place of every list, [count]. */
  readonly places: Tensor;
  /** Shape of what is read at all of them. */
  readonly shape: readonly number[];
}

/**
 * Lists of indices as numbers of places.
 *
 * @param indices - shape [...batch, ...any, depth]: the first `depth` axes after those of the batch are indexed
 */
function pointed(context: ImportContext, x: Tensor, indices: Tensor, batchAxes: number): Pointed {
  const depth = indices.shape.at(-1) ?? 0;
  if (indices.rank === 0 || batchAxes + depth > x.rank)
    throw context.refuse(`indexes [${x.shape.join(", ")}] by [${indices.shape.join(", ")}]`);
  const indexed = x.shape.slice(batchAxes, batchAxes + depth);
  const part = x.shape.slice(batchAxes + depth);
  const batch = sizeOf(x.shape.slice(0, batchAxes));
  const count = sizeOf(indices.shape.slice(0, -1));
  const lists = indices.reshape([count, depth]);
  // all lists of one batch follow one another
  const starts = Array.from(
    { length: count },
    (_, i) => Math.floor(i / (count / batch)) * sizeOf(indexed),
  );
  const places = indexed.reduce((sum, size, axis) => {
    const at = lists.slice({ axis: 1, start: axis, end: axis + 1 }).reshape([count]);
    const inside = at.less(0).where(at.add(size), at);
    return sum.add(inside.mul(sizeOf(indexed.slice(axis + 1))));
  }, integers(starts).cast(indices.dtype));
  const shape = [...indices.shape.slice(0, -1), ...part];
  return { rows: x.reshape([batch * sizeOf(indexed), sizeOf(part)]), places, shape };
}

function gatheredLists(context: ImportContext): Tensor {
  const [x, indices] = [context.input(0), context.input(1)];
  const { rows, places, shape } = pointed(context, x, indices, context.int("batch_dims", 0));
  return rows.gather(places).reshape(shape);
}

/** Elements in place of, or folded into, those of every line along an axis. */
function scatterAlong(
  context: ImportContext,
  [x, indices, updates]: readonly [Tensor, Tensor, Tensor],
  axis: number,
  reduction: string,
): Tensor {
  const isWhole = indices.shape.every((size, i) => i === axis || size === x.shape[i]);
  if (reduction === "add" && x.dtype !== "bool" && isWhole)
    return x.scatterAddAlongAxis(indices, updates, { axis });
  const put = (into: Tensor, values: Tensor): Tensor =>
    context.asItIs([into], {
      opType: "ScatterElements",
      inputs: [into, indices, values],
      attributes: { axis, reduction },
    })[0]!;
  if (reduction !== "none" || x.dtype !== "float32") return put(x, updates);
  return customGradient(put, ({ inputs: [, values], cotangent }) => [
    put(cotangent, values!.zerosLike()),
    covered(cotangent, indices.shape, axis).takeAlongAxis(indices, { axis }),
  ])(x, updates);
}

function scatteredElements(context: ImportContext): Tensor {
  const [x, indices, updates] = [context.input(0), context.input(1), context.input(2)];
  const axis = resolveAxis(context.opType, context.int("axis", 0), x.rank);
  return scatterAlong(context, [x, indices, updates], axis, context.text("reduction", "none"));
}

/** Parts in place of, or folded into, those that lists of indices point at: on places, the first axis is scattered along. */
function scatteredLists(context: ImportContext): Tensor {
  const [x, indices, updates] = [context.input(0), context.input(1), context.input(2)];
  const { rows, places, shape } = pointed(context, x, indices, 0);
  if (updates.shape.join() !== shape.join())
    throw context.refuse(`writes [${updates.shape.join(", ")}] where [${shape.join(", ")}] fits`);
  const [count, part] = [places.size, rows.shape[1]!];
  const values = updates.reshape([count, part]);
  const reduction = context.text("reduction", "none");
  // adding up entry by entry: the kernel of ScatterND races where an index occurs twice
  if (reduction === "add" && x.dtype !== "bool")
    return rows.scatterAdd(places, values).reshape(x.shape);
  const spread = places.reshape([count, 1]).broadcastTo([count, part]);
  return scatterAlong(context, [rows, spread, values], 0, reduction).reshape(x.shape);
}

function oneHot({ opType, input, known, int }: ImportContext): Tensor {
  const given = input(0);
  const indices = given.dtype === "int32" || given.dtype === "int64" ? given : given.cast("int64");
  const depth = Math.trunc(known(1)?.[0] ?? 0);
  const [off, on] = input(2).split({ axis: 0, sizes: [1, 1] });
  const wrapped = indices.less(0).where(indices.add(depth), indices);
  const hot = wrapped.oneHot(depth).greater(0.5).where(on!, off!);
  const axis = resolveAxis(opType, int("axis", -1), indices.rank + 1);
  const order = indices.shape.map((_, i) => i);
  return hot.transpose(order.toSpliced(axis, 0, indices.rank));
}

/** The beginning of every row, as long as the row says, from its end. */
function reversed({ input, int, refuse }: ImportContext): Tensor {
  const [x, lengths] = [input(0), input(1)];
  const [time, batch] = [int("time_axis", 0), int("batch_axis", 1)];
  if (![0, 1].includes(time) || time + batch !== 1)
    throw refuse(`has time on axis ${time} and the batch on axis ${batch}`);
  const steps = x.shape[time]!;
  const rest = x.shape.slice(2).map(() => 1);
  const at = arange(steps)
    .cast("int64")
    .reshape(time === 0 ? [steps, 1] : [1, steps]);
  const long = lengths.cast("int64").reshape(time === 0 ? [1, -1] : [-1, 1]);
  const from = at.less(long).where(long.sub(at).sub(1), at);
  return x.takeAlongAxis(from.reshape([...from.shape, ...rest]), { axis: time });
}

/** Writes new steps of every sequence into a store from its own position on; beyond the end, from the beginning if it is a ring. */
function stored(context: ImportContext): Tensor {
  const { opType, inputs, input, int, text } = context;
  const [past, update] = [input(0), input(1)];
  const axis = resolveAxis(opType, int("axis", -2), past.rank);
  const [batch, steps, size] = [past.shape[0]!, update.shape[axis]!, past.shape[axis]!];
  const starts = inputs[2] ?? zeros([batch], "int64");
  const at = starts.reshape([batch, 1]).add(arange(steps).cast("int64").reshape([1, steps]));
  const inside = text("mode", "linear") === "circular" ? at.sub(at.div(size).mul(size)) : at;
  const shape = past.shape.map((_, i) => (i === 0 ? batch : i === axis ? steps : 1));
  const places = inside.reshape(shape).broadcastTo(update.shape);
  return scatterAlong(context, [past, places, update], axis, "none");
}

export const indexing: ImportHandlers = {
  Gather: gathered,
  GatherElements: gatheredElements,
  GatherND: gatheredLists,
  Scatter: scatteredElements,
  ScatterElements: scatteredElements,
  ScatterND: scatteredLists,
  OneHot: oneHot,
  ReverseSequence: reversed,
  TensorScatter: stored,
};
