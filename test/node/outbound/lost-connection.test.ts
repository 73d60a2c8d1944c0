import net from "node:net";
import path from "node:path";
import esbuild from "esbuild";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { afterAll, beforeAll, expect, it } from "vitest";
import { unstable_readConfig } from "wrangler";
import { z } from "zod";

const root = path.join(import.meta.dirname, "../../..");

/** Makes an attempt in workerd itself, whose words for a lost connection are not written down anywhere. */
const script = `
  import { post } from "./src/outbound/post.ts";
  import { realWorld } from "./src/platform/world.ts";
  const config = { allowPrivateDestinations: true, encryptionKeys: [] };
  const event = { id: "e1", type: "v1/cards", contentType: null, isUnreadable: false, body: "{}" };
  const secrets = { encryptedSecret: "whsec_c2VjcmV0", previousSecrets: [], encryptedHeaders: null };
  const destination = { id: "d1", timeoutMs: 10_000, format: "qonto", ...secrets };
  export default {
    async fetch(request) {
      const url = await request.text();
      return Response.json(await post(event, { ...destination, url }, 1, { world: realWorld, config }));
    },
  };`;

const attempted = z.object({ outcome: z.string() });

let miniflare: Miniflare;
const servers: net.Server[] = [];

beforeAll(async () => {
  const { outputFiles } = await esbuild.build({
    stdin: { contents: script, resolveDir: root },
    bundle: true,
    write: false,
    format: "esm",
    logLevel: "silent",
  });
  const { compatibility_date, compatibility_flags } = unstable_readConfig({ config: path.join(root, "wrangler.toml") });
  const options = convertV4MiniflareOptions({
    modules: true,
    script: outputFiles.map(({ text }) => text).join(""),
    compatibilityDate: z.string().parse(compatibility_date),
    compatibilityFlags: compatibility_flags,
    // Else it is looked up on the internet.
    cf: false,
  });
  miniflare = new Miniflare(options);
});

afterAll(async () => {
  for (const server of servers) server.close();
  await miniflare.dispose();
});

/** A server that is told of each request which it is of its connection, from 1. */
async function listen(onRequest: (socket: net.Socket, ofConnection: number) => void): Promise<string> {
  const server = net.createServer((socket) => {
    let requests = 0;
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      if (data.toString("latin1").startsWith("POST ")) onRequest(socket, (requests += 1));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  return `http://127.0.0.1:${address.port}/hook`;
}

async function attempt(url: string): Promise<string> {
  const response = await miniflare.dispatchFetch("http://worker/", { method: "POST", body: url });
  return attempted.parse(await response.json()).outcome;
}

const answer = (socket: net.Socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

it("a kept connection that its destination closes instead of an answer costs no attempt", async () => {
  const seen: number[] = [];
  const url = await listen((socket, ofConnection) => {
    seen.push(ofConnection);
    if (ofConnection === 1) answer(socket);
    else socket.destroy();
  });
  const outcomes = [await attempt(url), await attempt(url), await attempt(url)];
  expect(outcomes).toEqual(["delivered", "delivered", "delivered"]);
  expect(seen).toEqual([1, 2, 1, 2, 1]);
});

it("a destination that closes every connection instead of an answer is asked twice, and has failed", async () => {
  let requests = 0;
  const url = await listen((socket) => {
    requests += 1;
    socket.resetAndDestroy();
  });
  expect(await attempt(url)).toBe("unreachable");
  expect(requests).toBe(2);
});
