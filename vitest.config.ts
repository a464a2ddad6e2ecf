import { fileURLToPath } from "node:url";

import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import type { TestProjectConfiguration } from "vitest/config";

import { findChromium } from "./scripts/chromium.mjs";

// The library's own name means its sources, as tsconfig.json says too, so that tests never read a stale dist/.
const conditions = ["@patchclamp/source"];

const node: TestProjectConfiguration = {
  resolve: { alias: { "#engine": inRepository("src/runtime/node.ts") }, conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: "node",
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    setupFiles: ["test/setup/no-console.ts"],
    pool: "forks", // the native runtime's threads outlive a worker thread that ends
    testTimeout: 60_000,
  },
};

/** Runs in a real tab; left out where this computer has no Chromium. */
function browser(executablePath: string): TestProjectConfiguration {
  return {
    resolve: {
      alias: { "#engine": inRepository("src/runtime/web.ts") },
      conditions: [...conditions, "browser", "module", "import", "default"],
    },
    // Bundling the runtime ahead would part it from the .wasm files that lie beside it.
    optimizeDeps: {
      exclude: ["onnxruntime-web", "@huggingface/transformers"],
      // found while tests run, they would make the tab load again
      include: [
        "chalk",
        "cli-table3",
        "string-width",
        "picomatch/posix.js",
        "@huggingface/hub",
        "@huggingface/jinja",
        "@huggingface/tokenizers",
        "@noble/hashes/legacy.js",
        "@noble/hashes/sha2.js",
        "@noble/hashes/utils.js",
        "zod",
        "@bufbuild/protobuf/wire",
      ],
    },
    server: {
      headers: {
        // WebAssembly threads need SharedArrayBuffer, which needs these two.
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
      },
    },
    test: {
      name: "browser",
      include: ["test/browser/**/*.browser.ts"],
      setupFiles: ["test/setup/no-console.ts"],
      testTimeout: 60_000,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({
          launchOptions: {
            executablePath,
            // SwiftShader draws WebGPU where there is no graphics card.
            args: [
              "--no-sandbox",
              "--enable-unsafe-webgpu",
              "--enable-features=Vulkan",
              "--use-webgpu-adapter=swiftshader",
            ],
          },
        }),
        instances: [{ browser: "chromium" }],
      },
    },
  };
}

function inRepository(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

const chromium = findChromium();

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: chromium === undefined ? [node] : [node, browser(chromium)],
  },
});
