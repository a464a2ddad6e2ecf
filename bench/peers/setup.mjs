// Makes bench/peers/.venv with the pinned peers, or checks the Python that PATCHCLAMP_PYTHON names; and installs the peers from npm
// in bench/peers/node_modules. Their install scripts are not run: what they bring is complete without.
//
//   node bench/peers/setup.mjs

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const folder = import.meta.dirname;
const venv = path.join(folder, ".venv");
const python =
  process.platform === "win32"
    ? path.join(venv, "Scripts", "python.exe")
    : path.join(venv, "bin", "python");
const requirements = path.join(folder, "requirements.txt");
const CPU_WHEELS = "https://download.pytorch.org/whl/cpu";

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function runs(command, args) {
  return spawnSync(command, args, { stdio: "inherit" }).status === 0;
}

/** @param {string} interpreter */
function versions(interpreter) {
  const code = [
    "import sys; from importlib.metadata import version, PackageNotFoundError",
    "def v(p):",
    "    try: return version(p)",
    "    except PackageNotFoundError: return ''",
    "print('\\n'.join(f'{p}=={v(p)}' for p in sys.argv[1:]))",
  ].join("\n");
  const names = wanted().map((line) => line.split("==")[0] ?? "");
  const { stdout, status } = spawnSync(interpreter, ["-c", code, ...names], { encoding: "utf8" });
  return status === 0 ? stdout.trim().split("\n") : undefined;
}

function wanted() {
  const lines = fs.readFileSync(requirements, "utf8").split("\n");
  return lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
}

/**
 * Says which packages an interpreter lacks or has in another version than the pinned one.
 *
 * @param {string} interpreter
 * @returns {boolean} whether the benchmarks can run with it
 */
function check(interpreter) {
  const found = versions(interpreter);
  if (found === undefined) {
    console.error(`${interpreter} is not a Python that runs.`);
    return false;
  }
  let isUsable = true;
  for (const [i, pin] of wanted().entries()) {
    const [name = "", version = ""] = (found[i] ?? "").trim().split("==");
    const base = version.split("+")[0];
    if (base === "") {
      console.error(`${interpreter} lacks ${name}; the benchmarks are pinned to ${pin}.`);
      isUsable = false;
    } else if (`${name}==${base}` !== pin) {
      console.log(`${interpreter} has ${name} ${base}; the benchmarks are pinned to ${pin}.`);
    }
  }
  if (isUsable) console.log(`The peers are ready: ${interpreter}`);
  return isUsable;
}

function install() {
  const base = process.platform === "win32" ? "python" : "python3";
  if (!fs.existsSync(python) && !runs(base, ["-m", "venv", venv])) {
    console.error(`${base} cannot make an environment; install Python 3.10 or newer with venv.`);
    return false;
  }
  const pip = [
    "-m",
    "pip",
    "install",
    "--disable-pip-version-check",
    "--extra-index-url",
    CPU_WHEELS,
  ];
  if (runs(python, [...pip, "-r", requirements])) return check(python);
  console.error("The peers cannot be installed; pip's own message is above.");
  return false;
}

function installPackages() {
  const isWindows = process.platform === "win32";
  const { status } = spawnSync(isWindows ? "npm.cmd" : "npm", ["ci", "--ignore-scripts"], {
    cwd: folder,
    stdio: "inherit",
    shell: isWindows,
  });
  if (status !== 0)
    console.error("The peers from npm cannot be installed; its own message is above.");
  return status === 0;
}

const named = process.env["PATCHCLAMP_PYTHON"] ?? "";
const isReady = [named === "" ? install() : check(named), installPackages()].every(Boolean);
process.exitCode = isReady ? 0 : 1;
