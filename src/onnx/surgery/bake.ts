// Interventions as ordinary nodes of a graph: what read the value before reads the changed one, under the same name.

import { PatchClampError } from "../../core/errors.ts";
import type { Field } from "../message.ts";
import type { Document } from "./document.ts";
import { GRAPH, nodeView } from "./graph-view.ts";
import { Names, nodeWithNames } from "./names.ts";
import type { FloatType, Numbers } from "./numbers.ts";
import { checkValue, knownValues } from "./values.ts";
import { Weaver, refusal } from "./weave.ts";

/**
 * What is done to a value, everywhere in it. The last axis of the value is its width. These are the interventions of
 * `patchclamp/values`, with the name of a value of the graph as their site.
 *
 * Those of a site apply in the order of the list. A later call changes an input of the graph before an earlier one did, because
 * the input keeps its name.
 */
export type Bake = {
  /** Name of the value. */
  readonly site: string;
  /** The value's type where neither the file nor inference knows it. */
  readonly type?: FloatType | undefined;
  /** How much of the change is made: 0 leaves the value as it is. Default 1. */
  readonly strength?: number | undefined;
  /** A plain graph has no places and no conditions: they are refused. */
  readonly at?: unknown;
  readonly when?: unknown;
} & (
  | { readonly kind: "add"; readonly vector: Numbers; readonly scale?: number }
  /** Rows [k, width]; they need not be orthonormal. */
  | { readonly kind: "project-out"; readonly basis: Numbers }
  /** The component along a direction of any length, held within limits. */
  | {
      readonly kind: "clamp";
      readonly direction: Numbers;
      readonly min?: number | undefined;
      readonly max?: number | undefined;
    }
  | { readonly kind: "scale"; readonly gain: number | Numbers }
  /** x Wᵀ + b, the weight being [out, in] with out = in = width. */
  | { readonly kind: "affine"; readonly weight: Numbers; readonly bias?: Numbers | undefined }
  | { readonly kind: "replace"; readonly value: Numbers }
  | { readonly kind: "ablate"; readonly mean?: Numbers | undefined }
  | { readonly kind: "mask"; readonly keep: Numbers }
  | { readonly kind: "experts" | "feature" }
);

/** From which version of ONNX's operators on all those that are written here broadcast. */
const OLDEST_OPSET = 8;
/** Before this version of the format, constants must be inputs too. */
const CONSTANTS_STAND_ALONE = 4;

/** Weaves interventions into a graph, one after the other. */
export function baked(document: Document, bakes: readonly Bake[]): Document {
  if (bakes.length === 0) return document;
  const head = document.head();
  const opset = head.opsets.get("") ?? 0;
  if (opset < OLDEST_OPSET) {
    throw new PatchClampError("UNSUPPORTED", {
      where: "surgery.bake",
      problem: `the model uses version ${opset} of ONNX's operators, and interventions need version ${OLDEST_OPSET} or later.`,
      fix: "convert the model with onnx.version_converter first.",
    });
  }
  const known = knownValues(document);
  const names = new Names(document);
  const fresh = new Map(document.fresh);
  const asNodes = head.irVersion < CONSTANTS_STAND_ALONE;
  /** Inputs keep their names, so that what is made of them has another. */
  const changed = new Map<string, string>();
  let fields = document.graph.fields;
  for (const bake of bakes) {
    const { site } = bake;
    checkValue("surgery.bake", document, site);
    const { type, shape } = known.get(site) ?? {};
    const weaver = new Weaver(bake, { names, fresh, type, shape, asNodes });
    if (document.graph.makers.has(site) || changed.has(site)) {
      fields = betweenNodes(fields, changed.get(site) ?? site, weaver, names);
    } else {
      checkInput(document, bake);
      const name = names.fresh(`${site}/changed`);
      changed.set(site, name);
      fields = afterInput(fields, site, name, weaver);
    }
  }
  return document.withGraph(fields, fresh);
}

/** The fields of a graph with new nodes between the one that makes a value and those that read it. */
function betweenNodes(
  fields: readonly Field[],
  value: string,
  weaver: Weaver,
  names: Names,
): readonly Field[] {
  const before = names.fresh(`${value}/before`);
  const added = weaver.nodes(before, value);
  const maker = fields.find(
    (field) => field.no === GRAPH.node && nodeView(field).outputs.includes(value),
  );
  const rest = fields.flatMap((field) =>
    field === maker
      ? [
          nodeWithNames(field, new Map([[value, before]]), { inputs: false, outputs: true }),
          ...added,
        ]
      : [field],
  );
  return [...rest, ...weaver.constants];
}

/** The fields of a graph whose nodes read `changed` where they read an input or a constant before. */
function afterInput(
  fields: readonly Field[],
  input: string,
  changed: string,
  weaver: Weaver,
): readonly Field[] {
  const added = weaver.nodes(input, changed);
  const first = fields.findIndex(({ no }) => no === GRAPH.node);
  const names = new Map([[input, changed]]);
  const rest = fields.map((field) =>
    field.no === GRAPH.node && nodeView(field).reads.has(input)
      ? nodeWithNames(field, names, {})
      : field,
  );
  return [...rest.toSpliced(Math.max(first, 0), 0, ...added), ...weaver.constants];
}

function checkInput({ graph }: Document, bake: Bake): void {
  if (!graph.outputs.some(({ name }) => name === bake.site)) return;
  throw refusal(bake, "is an input and an output of the graph at once", "name another value.");
}
