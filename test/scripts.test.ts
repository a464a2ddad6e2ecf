import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { checkNode, installError, missingPackages } from "../scripts/bootstrap.mjs";
import { codeLines } from "../scripts/size.mjs";

let repository = "";
beforeEach(() => {
  repository = fs.mkdtempSync(path.join(os.tmpdir(), "patchclamp-scripts-"));
});
afterEach(() => fs.rmSync(repository, { recursive: true }));

test("a Node below the floor is refused with both versions", () => {
  expect(() => checkNode("18.20.4")).toThrowErrorMatchingInlineSnapshot(`
    [Error: PatchClamp needs Node 20.19 or newer, and this is Node 18.20.4.
      fix: install a current Node from https://nodejs.org and run the same command again.]
  `);
  expect(() => checkNode("20.18.3")).toThrow("this is Node 20.18.3");
  for (const version of ["20.19.0", "22.0.0", "24.1.0"]) checkNode(version);
});

test("a package is missing until npm has recorded it in the wanted version and its folder is there", () => {
  const lock = (version: string): string =>
    JSON.stringify({
      packages: {
        "": {},
        "node_modules/zod": { version },
        "node_modules/native-for-another-machine": { version: "1.0.0", optional: true },
      },
    });
  fs.writeFileSync(path.join(repository, "package-lock.json"), lock("4.6.7"));
  expect(missingPackages(repository)).toEqual(["node_modules/zod"]);

  const installed = path.join(repository, "node_modules", ".package-lock.json");
  fs.mkdirSync(path.join(repository, "node_modules", "zod"), { recursive: true });
  expect(missingPackages(repository)).toEqual(["node_modules/zod"]); // an install that was interrupted

  fs.writeFileSync(installed, lock("4.6.7").slice(0, 40));
  expect(missingPackages(repository)).toEqual(["node_modules/zod"]); // a record cut short

  fs.writeFileSync(installed, lock("4.6.6"));
  expect(missingPackages(repository)).toEqual(["node_modules/zod"]); // another version

  fs.writeFileSync(installed, lock("4.6.7"));
  expect(missingPackages(repository)).toEqual([]);

  fs.rmdirSync(path.join(repository, "node_modules", "zod"));
  expect(missingPackages(repository)).toEqual(["node_modules/zod"]); // somebody deleted it
});

test.skipIf(process.platform === "win32")("what was built can be run as a command", () => {
  const command = new URL("../dist/cli/main.js", import.meta.url);
  expect(() => fs.accessSync(command, fs.constants.X_OK)).not.toThrow();
});

test("an install without a network says so in one sentence", () => {
  const npm = "npm error code EAI_AGAIN\nnpm error syscall getaddrinfo\nnpm error network ...\n";
  expect(installError(npm).message).toMatchInlineSnapshot(`
    "the packages cannot be downloaded, because the npm registry cannot be reached (EAI_AGAIN).
      fix: connect to the network, or set npm's proxy, and run the same command again."
  `);
});

test("an install that fails for another reason ends with npm's own words", () => {
  const npm = "npm warn deprecated x\nnpm error code EUSAGE\nnpm error not in sync\n";
  expect(installError(npm).message).toMatchInlineSnapshot(`
    "npm ci failed. Its own words:
    npm error code EUSAGE
    npm error not in sync"
  `);
});

test("blank lines and comments are no code, and a comment inside a string is", () => {
  const text = `// header
/* one
   two */ const a = 1; // trailing

const url = "https://example.org"; /* after */
const pattern = /[/*]/;
const page = \`
// a line of the page
\`;
/** Documentation. */
export { a, page, pattern, url };
`;
  expect(codeLines("sample.ts", text)).toBe(7);
});
