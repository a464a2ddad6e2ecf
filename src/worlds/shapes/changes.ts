// Counterfactual partners of scenes: the same scene with one thing changed, so that something else is true of it.

import { unreachable } from "../../core/errors.ts";
import type { Rng } from "../../core/rng.ts";
import type { MultipleScene } from "./multiple.ts";
import { relationOf } from "./relations.ts";
import type { Related } from "./relations.ts";
import type { Scene, SceneObject } from "./scene.ts";
import { attributeValues, descriptionOf, shapeAttributes } from "./words.ts";
import type { Description, ShapeAttribute } from "./words.ts";

/** One attribute of `objects[object]` becomes another one, or all objects trade sides. */
export type SceneChange =
  | {
      readonly kind: "attribute";
      readonly object: number;
      readonly attribute: ShapeAttribute;
      readonly from: string;
      readonly to: string;
    }
  | { readonly kind: "mirror"; readonly axis: "x" | "y" };

/** A scene in which one thing is different. */
export interface ChangedScene {
  readonly change: SceneChange;
  readonly scene: Scene;
  /** The told pair there. */
  readonly told: Related;
}

/**
 * Draws a change after which the scene still has one object of each kind and none where there is no room.
 *
 * @param isGood - what else is asked of it
 * @returns a change of any of the good kinds, each equally likely; undefined when no change is good
 */
export function drawChange(
  rng: Rng,
  { scene, told }: MultipleScene,
  isGood: (changed: ChangedScene) => boolean,
): ChangedScene | undefined {
  for (const kind of rng.shuffle([...shapeAttributes, "mirror"] as const)) {
    for (const change of rng.shuffle(changesOf(scene, kind))) {
      const changed = applyChange(scene, change);
      const relation = relationOf(changed.objects[told.subject]!, changed.objects[told.object]!);
      if (relation === undefined || !hasOneOfAKind(changed)) continue;
      const result = { change, scene: changed, told: { ...told, relation } };
      if (isGood(result)) return result;
    }
  }
  return undefined;
}

function changesOf({ objects }: Scene, kind: ShapeAttribute | "mirror"): SceneChange[] {
  if (kind === "mirror") return (["x", "y"] as const).map((axis) => ({ kind, axis }));
  return objects.flatMap((object, index) => attributeChanges(object, index, kind));
}

/** An object can get smaller, but there may be no room for a larger one. */
function attributeChanges(
  object: SceneObject,
  index: number,
  attribute: ShapeAttribute,
): SceneChange[] {
  const from = descriptionOf(object)[attribute];
  if (from === "small") return [];
  const others = attributeValues[attribute].filter((value) => value !== from);
  return others.map((to) => ({ kind: "attribute", object: index, attribute, from, to }));
}

/** The share that is left of the radius of a large object that becomes a small one. */
const shrunk = 0.6;

function applyChange(scene: Scene, change: SceneChange): Scene {
  switch (change.kind) {
    case "attribute": {
      const { object, attribute, to } = change;
      const old = scene.objects[object]!;
      const value: Description & { radius?: number } =
        attribute === "size" ? { radius: old.radius * shrunk } : { [attribute]: to };
      return { ...scene, objects: scene.objects.with(object, { ...old, ...value }) };
    }
    case "mirror": {
      const { axis } = change;
      const objects = scene.objects.map((object) => ({ ...object, [axis]: 1 - object[axis] }));
      return { ...scene, objects };
    }
    default:
      return unreachable(change);
  }
}

function hasOneOfAKind({ objects }: Scene): boolean {
  return new Set(objects.map(({ shape, colour }) => `${colour} ${shape}`)).size === objects.length;
}
