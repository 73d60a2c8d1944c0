import { constants, copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ServeError, type Serving, serve } from "./serve.ts";

const DEFAULT_PORT = 8787;

/** `npm start`: the relay on this machine, until a signal ends it. */
async function start(): Promise<void> {
  makeVariables();
  const serving = serve({ port: readPort(process.env["PORT"]), print: (line) => console.log(line) });
  let signalled = false;
  const stop = () => {
    signalled = true;
    serving.then((server) => server.stop()).catch(() => process.exit(1));
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const server = await serving;
  if (!signalled) greet(server);
  const code = await server.ended;
  process.exitCode = signalled ? 0 : code || 1;
}

/** A first start gets variables to play with; existing ones are never touched. */
function makeVariables(): void {
  const root = new URL("../../", import.meta.url);
  const file = fileURLToPath(new URL(".dev.vars", root));
  try {
    copyFileSync(fileURLToPath(new URL(".dev.vars.example", root)), file, constants.COPYFILE_EXCL);
    console.log("Made .dev.vars out of .dev.vars.example.");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

function readPort(text = String(DEFAULT_PORT)): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new ServeError(`PORT must be a number from 1 to 65535, not "${text}".`);
  }
  return port;
}

function greet({ url }: Serving): void {
  console.log(`
Qonto relay is ready on ${url}

  webhooks  POST ${url}/webhooks/qonto
  teams     ${url}/api/destinations   (Authorization: Bearer, ADMIN_TOKEN in .dev.vars)
  health    ${url}/health
  console   ${url}/console   (log in with ADMIN_TOKEN)

Ctrl-C ends it.
`);
}

try {
  await start();
} catch (error) {
  if (!(error instanceof ServeError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
