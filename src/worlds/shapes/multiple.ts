// Pictures of two to four objects of different kinds, with how they stand to one another. One pair is what a picture is
// told by. Training never shows a pair of the held-out half, not even beside the pair it tells.

import { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { drawWithin, splits } from "../split.ts";
import type { Split } from "../split.ts";
import { requireWithin } from "./_options.ts";
import { pointsOf } from "./_points.ts";
import type { Point } from "./_points.ts";
import { drawSurroundings } from "./_surroundings.ts";
import type { SurroundingsOptions } from "./_surroundings.ts";
import { shapeClasses } from "./outlines.ts";
import { shapeColours, shapeTextures } from "./paints.ts";
import { isWithin, pairKey, relatedPairs, shapeRelations } from "./relations.ts";
import type { Kind, Related, ShapeRelation } from "./relations.ts";
import { drawScene, objectForm } from "./scene.ts";
import type { Drawing, Scene, SceneObject } from "./scene.ts";

export interface MultipleOptions extends SurroundingsOptions {
  /** Which half of the world is drawn from, `train` by default. */
  split?: Split;
  /** How many objects, 2..4; each number is equally likely when it is left out. */
  count?: number;
  /** Share of one object of the told pair that the other hides, 0..0.5; 0 by default, when no object touches another. */
  occlusion?: number;
}

/** A scene of several objects with how they stand to one another. */
export interface MultipleScene {
  readonly scene: Scene;
  /** The pair that the picture is told by. */
  readonly told: Related;
  /** Every pair that clearly stands in a relation, both ways round. */
  readonly related: readonly Related[];
}

/** A picture of several objects with what is true of it. */
export interface MultipleSample extends MultipleScene, Drawing {}

/**
 * Draws a picture of two to four objects, no two of the same shape and colour.
 *
 * @param rng - advances by one word; the same state gives the same picture
 * @throws PatchClampError `BAD_OPTION` when a knob is out of its range or `split` is none of those listed
 */
export function multipleSample(rng: Rng, options: MultipleOptions = {}): MultipleSample {
  const drawn = multipleScene("multipleSample", rng, options);
  return { ...drawn, ...drawScene(drawn.scene, options) };
}

/** Does the work of `multipleSample` but for the drawing. */
export function multipleScene(where: string, rng: Rng, options: MultipleOptions): MultipleScene {
  const { split = "train", occlusion = 0 } = options;
  requireOneOf(where, "split", split, splits);
  requireWithin(where, "occlusion", occlusion, [0, 0.5]);
  const own = new Rng(rng.word());
  const { count = 2 + own.below(3) } = options;
  requireAtLeast(where, "count", count, 2);
  requireWithin(where, "count", count, [2, 4]);

  const surroundings = drawSurroundings(where, own, options);
  const fact = drawWithin(split, () => drawFact(own));
  for (;;) {
    // which object lies in front says nothing about the pair
    const order = own.permutation(count);
    const [subject, object] = [order.indexOf(0), order.indexOf(1)];
    const hidden = subject < object ? 0 : 1;
    const objects = arrange(own, fact, { count, occlusion, hidden });
    if (objects === undefined) continue;
    const scene = { ...surroundings, objects: Array.from(order, (i) => objects[i]!), covers: [] };
    const told = { subject, relation: fact.relation, object };
    if (isWithin(scene, told, split)) return { scene, told, related: relatedPairs(scene) };
  }
}

/** A pair of kinds in a relation. */
interface Fact {
  readonly kinds: readonly [Kind, Kind];
  readonly relation: ShapeRelation;
  readonly key: string;
}

function drawFact(rng: Rng): Fact {
  const first = drawKind(rng, []);
  const second = drawKind(rng, [first]);
  const relation = rng.pick(shapeRelations);
  return { kinds: [first, second], relation, key: pairKey(first, relation, second) };
}

/** Draws a kind that is not there yet; its shape is there already one time in three, so that there is something to count. */
function drawKind(rng: Rng, there: readonly Kind[]): Kind {
  for (;;) {
    const again = there.length > 0 && rng.uniform() < 1 / 3;
    const shape = again ? rng.pick(there).shape : rng.pick(shapeClasses);
    const colour = rng.pick(shapeColours);
    if (there.every((kind) => kind.shape !== shape || kind.colour !== colour))
      return { shape, colour };
  }
}

/** Room between two objects that do not touch. */
const gap = 0.03;

interface Arrangement {
  readonly count: number;
  readonly occlusion: number;
  /** Which of the told pair lies behind the other. */
  readonly hidden: 0 | 1;
}

/** Places the told pair and then the others; undefined when there is no room. */
function arrange(
  rng: Rng,
  { kinds: [first, second], relation }: Fact,
  { count, occlusion, hidden }: Arrangement,
): SceneObject[] | undefined {
  const a = drawObject(rng, first);
  const still = drawObject(rng, second);
  const angle = directions[relation] + 0.45 * (2 * rng.uniform() - 1); // tan 0.45 < 1 / 1.5: never aslant
  const moved = (distance: number): SceneObject => ({
    ...still,
    x: a.x - distance * Math.cos(angle),
    y: a.y - distance * Math.sin(angle),
  });
  const apart = a.radius + still.radius + gap;
  const touching = (): number | undefined => {
    const points = pointsOf(hidden === 0 ? a : still);
    const hides = (at: number): number =>
      hidden === 0 ? shareHidden(points, a, moved(at)) : shareHidden(points, moved(at), a);
    return whereReached(hides, occlusion, apart);
  };
  const distance = occlusion === 0 ? apart + 0.25 * rng.uniform() : touching();
  if (distance === undefined) return undefined;
  const b = moved(distance);
  if (!isInside(b)) return undefined;

  const placed = [a, b];
  const kinds: Kind[] = [first, second];
  for (let tries = 0; placed.length < count; tries++) {
    if (tries === 30) return undefined;
    const kind = drawKind(rng, kinds);
    const next = drawObject(rng, kind);
    if (placed.some((other) => distanceOf(next, other) < next.radius + other.radius + gap))
      continue;
    placed.push(next);
    kinds.push(kind);
  }
  return placed;
}

/** The way from the second object to the first. */
const directions: Record<ShapeRelation, number> = {
  "left of": Math.PI,
  "right of": 0,
  above: -Math.PI / 2,
  below: Math.PI / 2,
};

/** Draws an object somewhere in the picture: as often small as large, and as often plain as not. */
function drawObject(rng: Rng, kind: Kind): SceneObject {
  const radius =
    rng.uniform() < 0.5 ? 0.125 + 0.025 * rng.uniform() : 0.185 + 0.045 * rng.uniform();
  const texture = rng.uniform() < 0.5 ? "plain" : rng.pick(shapeTextures.slice(1));
  const angleRad = 0.3 * (2 * rng.uniform() - 1);
  const within = (): number => radius + (1 - 2 * radius) * rng.uniform();
  return { ...kind, texture, x: within(), y: within(), radius, angleRad };
}

/** Finds where a share that falls with the distance reaches `share`; undefined when two centres would be too near. */
function whereReached(
  hides: (distance: number) => number,
  share: number,
  apart: number,
): number | undefined {
  let [near, far] = [0.09, apart]; // nearer than that, neither is clearly on one side of the other
  if (hides(near) < share) return undefined;
  for (let i = 0; i < 8; i++) {
    const middle = (near + far) / 2;
    if (hides(middle) >= share) near = middle;
    else far = middle;
  }
  return near;
}

/** The share of an object's points that another object hides. */
function shareHidden(points: readonly Point[], behind: SceneObject, before: SceneObject): number {
  const { distance } = objectForm(before);
  return (
    points.filter(([dx, dy]) => distance(behind.x + dx, behind.y + dy) <= 0).length / points.length
  );
}

function isInside({ x, y, radius }: SceneObject): boolean {
  return Math.min(x, y) >= radius && Math.max(x, y) <= 1 - radius;
}

function distanceOf(a: SceneObject, b: SceneObject): number {
  return Math.sqrt((a.x - b.x) ** 2 + (a.y - b.y) ** 2);
}
