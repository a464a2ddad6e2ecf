// How objects stand to one another, and which half of the world that belongs to.

import { splitOf } from "../split.ts";
import type { Split } from "../split.ts";
import type { Scene, SceneObject } from "./scene.ts";

/** How one object can stand to another. */
export const shapeRelations = ["left of", "right of", "above", "below"] as const;

/** One of the four relations. */
export type ShapeRelation = (typeof shapeRelations)[number];

/** `objects[subject]` stands `relation` `objects[object]`. */
export interface Related {
  readonly subject: number;
  readonly relation: ShapeRelation;
  readonly object: number;
}

/** What makes an object one of a kind in its picture. */
export type Kind = Pick<SceneObject, "shape" | "colour">;

/**
 * Tells how `a` stands to `b`: along the axis in which their centres are clearly further apart.
 *
 * @returns undefined when they are nearer than 0.08 of the picture's side, or stand aslant: neither distance is one and a
 *   half times the other
 */
export function relationOf(a: SceneObject, b: SceneObject): ShapeRelation | undefined {
  const [dx, dy] = [a.x - b.x, a.y - b.y];
  const [across, down] = [Math.abs(dx), Math.abs(dy)];
  if (Math.max(across, down) < 0.08) return undefined;
  if (across >= 1.5 * down) return dx < 0 ? "left of" : "right of";
  if (down >= 1.5 * across) return dy < 0 ? "above" : "below";
  return undefined;
}

/** Every pair that stands in a relation, both ways round. */
export function relatedPairs({ objects }: Scene): Related[] {
  return objects.flatMap((a, subject) =>
    objects.flatMap((b, object) => {
      const relation = subject === object ? undefined : relationOf(a, b);
      return relation === undefined ? [] : [{ subject, relation, object }];
    }),
  );
}

/** Whether the told pair is in a half of the world and, in training, every other pair as well. */
export function isWithin(scene: Scene, told: Related, split: Split): boolean {
  const { objects } = scene;
  const once = relatedPairs(scene).filter(({ subject, object }) => subject < object);
  const pairs = split === "train" ? once : [told];
  return pairs.every(
    ({ subject, relation, object }) =>
      splitOf(pairKey(objects[subject]!, relation, objects[object]!)) === split,
  );
}

/** The content of a pair, the same both ways round. */
export function pairKey(a: Kind, relation: ShapeRelation, b: Kind): string {
  if (relation === "right of") return pairKey(b, "left of", a);
  if (relation === "below") return pairKey(b, "above", a);
  return ["pair", a.colour, a.shape, relation, b.colour, b.shape].join("|");
}
