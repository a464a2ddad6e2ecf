// Whether the numbers of an intervention fit the site that it changes.

import { PatchClampError } from "../core/errors.ts";
import type { Intervention } from "./intervention.ts";
import type { Numbers } from "./numbers.ts";

/** What is known of a site; `net.sites()` lists it. */
export interface SiteForm {
  readonly name: string;
  /** Axes by name, such as batch, pos, dModel. */
  readonly axes: readonly string[];
  /** Sizes; those of batch, positions and keys may be others in a pass. */
  readonly shape: readonly number[];
}

/** Axes that name the place of a token; of attention, the place that looks. */
const PLACES = ["pos", "query"];
/** Axes whose size depends on the text. */
const VARIABLE = new Set([...PLACES, "key", "source", "time"]);

/**
 * Which axis of a site tells the places of tokens.
 *
 * @throws PatchClampError `UNSUPPORTED` when none does
 */
export function placeAxis({ name, axes }: SiteForm): number {
  const found = axes.findIndex((axis) => PLACES.includes(axis));
  if (found >= 1) return found;
  throw new PatchClampError("UNSUPPORTED", {
    where: "interventions",
    problem: `"${name}" is [${axes.join(", ")}], which has no axis of token positions.`,
    fix: "change a site whose axes begin with batch and pos; net.sites() lists them.",
    facts: { site: name },
  });
}

/**
 * Checks that the parts of an intervention can be broadcast to a site.
 *
 * @param whole - names of the parts that must fill the last axis
 * @throws PatchClampError `SHAPE_MISMATCH` naming both shapes
 */
export function checkFits(
  { kind }: Intervention,
  site: SiteForm,
  parts: Readonly<Record<string, Numbers>>,
  whole: readonly string[] = [],
): void {
  placeAxis(site);
  for (const [name, { shape }] of Object.entries(parts)) {
    // of a matrix, one axis stands for the site's last
    const own = whole.includes(name) ? shape.slice(-1) : shape;
    const sizes = site.shape.slice(site.shape.length - own.length);
    const axes = site.axes.slice(site.axes.length - own.length);
    const isFitting = own.every((size, i) => {
      if (size === 1 && !whole.includes(name)) return true;
      return size === sizes[i] && !VARIABLE.has(axes[i]!);
    });
    if (own.length < site.shape.length && isFitting) continue;
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "interventions",
      problem: `"${kind}" takes numbers of shape [${shape.join(", ")}], which do not fit "${site.name}", [${site.axes.map((axis, i) => (VARIABLE.has(axis) || axis === "batch" ? axis : site.shape[i])).join(", ")}].`,
      fix: "use an intervention that was made for this site of a network of this size.",
      facts: { site: site.name, shape },
    });
  }
}
