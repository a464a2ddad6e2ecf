// A tap names the values inside a network while it is being traced. It records every value it is given; what nobody
// asks for is not part of the graph that runs.

import { PatchClampError } from "../core/errors.ts";
import { identity } from "../tensor/control.ts";
import { showShape } from "../tensor/op.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Names a value and returns the value to go on with: the same one, or what an edit made of it. */
export interface Tap {
  (name: string, x: Tensor): Tensor;
  /** A tap whose names begin with `scope` and a dot. */
  in: (scope: string) => Tap;
}

/** Where an edit is. */
export interface EditPlace {
  /** Full site name, such as `blocks.3.resid_post`. */
  readonly site: string;
  /** Values of this pass recorded so far, by site. */
  readonly sites: ReadonlyMap<string, Tensor>;
}

/** Makes a new value for a site, of the same shape, from the one there. Traced: it becomes part of the graph. */
export type Edit = (x: Tensor, place: EditPlace) => Tensor;

/** Options of `recordingTap`. */
export interface TapOptions {
  readonly edits?: ReadonlyMap<string, readonly Edit[]>;
  /** Sites at which gradients are wanted: the network must go on from exactly these values. */
  readonly watched?: ReadonlySet<string>;
  /** Whether an edit may change the number of rows (sweeps add some). Default false. */
  readonly canGrow?: boolean;
}

/** A tap, and what it recorded: the value at each site after edits. */
export interface RecordingTap {
  readonly tap: Tap;
  readonly sites: Map<string, Tensor>;
}

/**
 * Makes a tap for one trace.
 *
 * @throws PatchClampError (the tap) `SHAPE_MISMATCH` when an edit changes shape or type, `BAD_OPTION` when it returns no tensor,
 * `BAD_INPUT` when a network uses one name twice
 */
export function recordingTap(options: TapOptions = {}): RecordingTap {
  const { edits = new Map(), watched = new Set(), canGrow = false } = options;
  const sites = new Map<string, Tensor>();
  const record = (site: string, x: Tensor): Tensor => {
    if (sites.has(site)) {
      throw new PatchClampError("BAD_INPUT", {
        where: "tap",
        problem: `the network names two values "${site}".`,
        fix: "give every tap of a network a name of its own; tap.in(scope) adds a prefix.",
      });
    }
    let value = x.named(site);
    for (const edit of edits.get(site) ?? []) {
      const edited = edit(value, { site, sites });
      checkEdit(site, value, edited, canGrow);
      value = edited;
    }
    if (watched.has(site)) value = identity(value).named(site);
    sites.set(site, value);
    return value;
  };
  return { tap: scoped("", record), sites };
}

function scoped(prefix: string, record: (site: string, x: Tensor) => Tensor): Tap {
  const tap = (name: string, x: Tensor): Tensor => record(prefix + name, x);
  return Object.assign(tap, { in: (scope: string) => scoped(`${prefix}${scope}.`, record) });
}

function checkEdit(site: string, before: Tensor, after: unknown, canGrow: boolean): void {
  if (!(after instanceof Tensor)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "edit",
      problem: `the edit at "${site}" returned ${after === null ? "null" : typeof after}, not a tensor.`,
      fix: "return the new value; tensors are never changed in place.",
      facts: { site },
    });
  }
  const from = canGrow ? 1 : 0;
  const isSame =
    before.rank === after.rank &&
    before.shape.every((size, i) => i < from || size === after.shape[i]);
  if (isSame && before.dtype === after.dtype) return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where: "edit",
    problem: `the edit at "${site}" made ${after.dtype}${showShape(after.shape)} of ${before.dtype}${showShape(before.shape)}.`,
    fix: "return a tensor of the same shape and type; broadcastTo repeats a smaller one.",
    facts: { site },
  });
}
