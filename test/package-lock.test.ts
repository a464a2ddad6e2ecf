// `npm ci` is the first thing that happens to a fresh clone, and it refuses a lock that does not fit package.json.

import fs from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

interface Package {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const ROOT = path.join(import.meta.dirname, "..");
const manifest: Package = JSON.parse(fs.readFileSync(path.join(ROOT, "package.json"), "utf8"));
const lock: { packages: Record<string, Package> } = JSON.parse(
  fs.readFileSync(path.join(ROOT, "package-lock.json"), "utf8"),
);

test("the lock was made from this package.json", () => {
  const { dependencies, devDependencies } = lock.packages[""] ?? {};
  expect(dependencies).toEqual(manifest.dependencies);
  expect(devDependencies).toEqual(manifest.devDependencies);
});

test("the lock holds the native builds for other platforms", () => {
  const missing = Object.entries(lock.packages).flatMap(([folder, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        lock.packages[`node_modules/${name}`] === undefined &&
        lock.packages[`${folder}/node_modules/${name}`] === undefined,
    ),
  );
  expect(missing).toEqual([]);
});
