// The ten shapes. Each has its centre of mass at the origin, points up, and lies in the unit disc, so that a shape can be
// turned, or become another one, and stay within its place.

import { boxDistance, polygonDistance } from "./_canvas.ts";
import type { Distance } from "./_canvas.ts";

/** The shapes, in the order of their labels. */
export const shapeClasses = [
  "circle",
  "square",
  "triangle",
  "star",
  "cross",
  "ring",
  "heart",
  "diamond",
  "half-moon",
  "hexagon",
] as const;

/** One of the ten shapes. */
export type ShapeClass = (typeof shapeClasses)[number];

/** A shape that fits in the unit disc. */
interface Outline {
  readonly distance: Distance;
  /** Exact, where the unit disc has pi. */
  readonly area: number;
}

const circleRadius = 0.88;
const squareHalf = 0.7;
const [starOuter, starInner] = [1, 0.46];
const [armLength, armHalf] = [0.94, 0.32];
const [ringRadius, ringHalf] = [0.69, 0.21];
const heartHalf = 0.76;
const [diamondWide, diamondHigh] = [0.66, 1];
const moonRadius = 0.92;
const hexagonRadius = 0.94;

const outlines: Record<ShapeClass, Outline> = {
  circle: {
    distance: (x, y) => Math.sqrt(x * x + y * y) - circleRadius,
    area: Math.PI * circleRadius ** 2,
  },
  square: {
    distance: (x, y) => boxDistance(x, y, squareHalf, squareHalf),
    area: 4 * squareHalf ** 2,
  },
  triangle: { distance: polygonDistance(corners(3, [1])), area: (3 / 4) * Math.sqrt(3) },
  star: {
    distance: polygonDistance(corners(10, [starOuter, starInner])),
    area: 5 * starOuter * starInner * Math.sin(Math.PI / 5),
  },
  cross: {
    distance: (x, y) =>
      Math.min(boxDistance(x, y, armLength, armHalf), boxDistance(x, y, armHalf, armLength)),
    area: 8 * armLength * armHalf - 4 * armHalf ** 2,
  },
  ring: {
    distance: (x, y) => Math.abs(Math.sqrt(x * x + y * y) - ringRadius) - ringHalf,
    area: 4 * Math.PI * ringRadius * ringHalf,
  },
  heart: { distance: heart, area: heartHalf ** 2 * (2 + Math.PI / 2) },
  diamond: {
    distance: polygonDistance([
      [0, -diamondHigh],
      [diamondWide, 0],
      [0, diamondHigh],
      [-diamondWide, 0],
    ]),
    area: 2 * diamondWide * diamondHigh,
  },
  "half-moon": { distance: halfMoon, area: (Math.PI / 2) * moonRadius ** 2 },
  hexagon: {
    distance: polygonDistance(corners(6, [hexagonRadius])),
    area: (3 / 2) * Math.sqrt(3) * hexagonRadius ** 2,
  },
};

/**
 * How far a point is from the edge of a shape that lies in the unit disc: negative inside.
 *
 * @param x - to the right
 * @param y - down
 */
export function outlineDistance(shape: ShapeClass): Distance {
  return outlines[shape].distance;
}

/**
 * The area of a shape.
 *
 * @param radius - of the disc that holds it; the shape itself may be smaller
 * @returns the area in the square of the radius' unit
 */
export function shapeArea(shape: ShapeClass, radius: number): number {
  return outlines[shape].area * radius ** 2;
}

/** A square on its corner with a half disc on each upper side. */
function heart(x: number, y: number): number {
  // the half discs lift the centre of mass of all by 0.3133 half diagonals
  const down = y / heartHalf - 0.3133;
  const across = Math.abs(x / heartHalf);
  const square = (across + Math.abs(down) - 1) * Math.SQRT1_2;
  const lobe = Math.sqrt((across - 0.5) ** 2 + (down + 0.5) ** 2) - Math.SQRT1_2;
  return Math.min(square, lobe) * heartHalf;
}

/** The left half of a disc; its centre of mass lies 4 / 3 pi of the radius from the straight side. */
function halfMoon(x: number, y: number): number {
  const across = x - (4 / (3 * Math.PI)) * moonRadius;
  return Math.max(Math.sqrt(across * across + y * y) - moonRadius, across);
}

/** Corners at equal angles, the first at the top, at radii that take turns. */
function corners(count: number, radii: readonly number[]): [number, number][] {
  return Array.from({ length: count }, (_, i) => {
    const angle = (2 * Math.PI * i) / count;
    const radius = radii[i % radii.length]!;
    return [radius * Math.sin(angle), -radius * Math.cos(angle)];
  });
}
