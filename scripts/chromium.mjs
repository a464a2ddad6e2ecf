// Finds a Chromium for the browser tests. As a program it prints the path, or exits with 1.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Finds a Chromium or Chrome: `CHROME_PATH` or `CHROMIUM_PATH` first, then the usual places, then Playwright's downloads.
 *
 * @returns {string | undefined} the path of its executable
 * @throws Error when one of the two variables names a file that is not there
 */
export function findChromium() {
  for (const name of ["CHROME_PATH", "CHROMIUM_PATH"]) {
    const given = process.env[name];
    if (!given) continue;
    if (fs.existsSync(given)) return given;
    throw new Error(`${name} names ${given}, and there is no such file.`);
  }
  return [...usualPlaces(), ...playwrightPlaces()].find((file) => fs.existsSync(file));
}

function usualPlaces() {
  if (process.platform === "darwin") {
    return ["", os.homedir()].flatMap((base) => [
      `${base}/Applications/Google Chrome.app/Contents/MacOS/Google Chrome`,
      `${base}/Applications/Chromium.app/Contents/MacOS/Chromium`,
    ]);
  }
  if (process.platform === "win32") {
    return ["ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA"]
      .flatMap((name) => process.env[name] ?? [])
      .flatMap((base) => [
        path.join(base, "Google", "Chrome", "Application", "chrome.exe"),
        path.join(base, "Chromium", "Application", "chrome.exe"),
      ]);
  }
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).concat("/usr/bin", "/snap/bin");
  return names.flatMap((name) => folders.map((folder) => path.join(folder, name)));
}

function playwrightPlaces() {
  const caches = {
    darwin: path.join(os.homedir(), "Library", "Caches"),
    win32: process.env["LOCALAPPDATA"] ?? "",
  };
  const cache = /** @type {Record<string, string>} */ (caches)[process.platform];
  const folder =
    process.env["PLAYWRIGHT_BROWSERS_PATH"] ??
    path.join(cache ?? path.join(os.homedir(), ".cache"), "ms-playwright");
  if (!fs.existsSync(folder)) return [];
  const inside = [
    "chrome-linux/chrome",
    "chrome-linux64/chrome",
    "chrome-mac/Chromium.app/Contents/MacOS/Chromium",
    "chrome-win/chrome.exe",
    "chrome-win64/chrome.exe",
  ];
  return fs
    .readdirSync(folder)
    .filter((name) => /^chromium-\d+$/.test(name))
    .toSorted()
    .toReversed()
    .flatMap((name) => inside.map((file) => path.join(folder, name, file)));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const found = findChromium();
  if (found === undefined) process.exitCode = 1;
  else process.stdout.write(`${found}\n`);
}
