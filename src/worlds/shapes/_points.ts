// Points spread evenly over an object, to measure shares of it before it is drawn.

import { objectForm } from "./scene.ts";
import type { SceneObject } from "./scene.ts";

/** A place beside an object's centre. */
export type Point = readonly [dx: number, dy: number];

/** Points along one side of the square around an object. */
const across = 24;

/** Some 150 to 450 points of an object, as places beside its centre. */
export function pointsOf(object: SceneObject): Point[] {
  const { x, y, radius } = object;
  const { distance } = objectForm(object);
  const points: Point[] = [];
  for (let i = 0; i < across ** 2; i++) {
    const dx = radius * ((2 * (i % across) + 1) / across - 1);
    const dy = radius * ((2 * Math.floor(i / across) + 1) / across - 1);
    if (distance(x + dx, y + dy) <= 0) points.push([dx, dy]);
  }
  return points;
}
