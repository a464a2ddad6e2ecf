import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, describe, expect, test } from "vitest";

import { webFiles } from "./web-files.ts";

const servers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of servers.splice(0)) await close();
});

/** A server on a free port of this computer: its URL, and what was asked of it. */
async function serve(listener: RequestListener): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/net`, asked };
}

const folder: RequestListener = ({ url }, response) => {
  if (url === "/net/config.json") response.end("0123456789");
  else response.writeHead(404).end("nothing here");
};

/** Messages name the port, which differs each time. */
async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause as Error,
  );
  return `${error?.message}`.replaceAll(/127\.0\.0\.1:\d+/g, "HOST");
}

describe("a folder behind a URL", () => {
  test.each(["", "/"])("is read whether or not its URL ends in a slash (%j)", async (end) => {
    const { url } = await serve(folder);
    const files = webFiles(url + end);
    expect(new TextDecoder().decode(await files.read("config.json"))).toBe("0123456789");
    expect(await files.size("config.json")).toBe(10);
    expect(new TextDecoder().decode(await files.readRange("config.json", 2, 5))).toBe("234");
  });

  test("says which files exist", async () => {
    const files = webFiles((await serve(folder)).url);
    expect(await files.exists("config.json")).toBe(true);
    expect(await files.exists("tokenizer.json")).toBe(false);
  });

  test("is downloaded once, however often it is read", async () => {
    const { url, asked } = await serve(folder);
    const files = webFiles(url);
    await Promise.all([
      files.read("config.json"),
      files.exists("config.json"),
      files.readRange("config.json", 0, 1),
    ]);
    await files.size("config.json");
    expect(asked).toEqual(["/net/config.json"]);
  });

  test("has no file where the server answers with its own page", async () => {
    const { url } = await serve((_, response) =>
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<html>"),
    );
    expect(await webFiles(url).exists("tokenizer.json")).toBe(false);
  });

  test("is asked again after a failure", async () => {
    let fails = true;
    const { url } = await serve((_, response) => {
      response.writeHead(fails ? 503 : 200).end("ok");
      fails = false;
    });
    const files = webFiles(url);
    await expect(files.read("x")).rejects.toMatchObject({ code: "BAD_FILE" });
    expect(new TextDecoder().decode(await files.read("x"))).toBe("ok");
  });
});

describe("bad input", () => {
  test("a file that is missing is named", async () => {
    const { url } = await serve(folder);
    expect(await messageOf(webFiles(url).read("x.json"))).toMatchInlineSnapshot(
      `"files: http://HOST/net has no file "x.json"."`,
    );
  });

  test("bytes beyond the end are refused", async () => {
    const { url } = await serve(folder);
    expect(await messageOf(webFiles(url).readRange("config.json", 5, 11))).toMatchInlineSnapshot(
      `"files: bytes 5..11 of "config.json" in http://HOST/net were asked for, but it has 10 bytes."`,
    );
  });

  test("an answer that is an error is passed on with its status", async () => {
    const { url } = await serve((_, response) => response.writeHead(500, "Out of order").end());
    expect(await messageOf(webFiles(url).exists("config.json"))).toMatchInlineSnapshot(
      `"fetch: http://HOST/net/config.json answered 500 Out of order."`,
    );
  });

  test("a server that does not answer is named", async () => {
    const { url } = await serve(folder);
    await servers.pop()!();
    expect(await messageOf(webFiles(url).read("config.json"))).toMatchInlineSnapshot(
      `"fetch: http://HOST/net/config.json cannot be reached."`,
    );
  });

  test("writing is refused", async () => {
    await expect(webFiles("http://example.org/net").write("x", new Uint8Array())).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: write: x cannot be written to http://example.org/net, which is read by HTTP.
        fix: save into memoryFiles() and offer the bytes as a download.]
    `);
  });
});
