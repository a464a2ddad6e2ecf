// Where a model says its data lies. Files come from anywhere: what they name must lie in the model's own folder.

import { PatchClampError } from "../../core/errors.ts";

/**
 * Checks the name of a file that a model keeps data in.
 *
 * @param location - as the model writes it, relative to the model's folder
 * @returns it without a leading "./"
 * @throws PatchClampError `BAD_FILE` when it leads out of the folder: "..", an absolute path, a drive, a backslash
 */
export function checkedLocation(where: string, location: string): string {
  const path = pathWithin(location);
  if (path !== undefined) return path;
  throw new PatchClampError("BAD_FILE", {
    where,
    problem: `the model keeps data in ${JSON.stringify(location)}, which is no path within its own folder.`,
    fix: 'do not trust the file, or save it again with data beside the model and without ".." in its path.',
    facts: { location },
  });
}

/** The path that a model names, without a leading "./"; undefined when it leads out of the model's folder. */
export function pathWithin(location: string): string | undefined {
  const path = location.replace(/^(\.\/)+/, "");
  const isInside =
    !/[\\:\0]/.test(path) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  return isInside ? path : undefined;
}

/** The folder of a path, with "/" at its end; "" for one that lies in none. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}
