import { existsSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { ServeError, serve } from "./serve.ts";
import { testChanges } from "./test-changes.ts";

const variablesFile = new URL("../../.dev.vars", import.meta.url);

const localVariables = `# Values for this machine, which work right away; .dev.vars.example explains them.
QONTO_WEBHOOK_SECRETS=local-business-secret
QONTO_ONBOARDING_SECRETS=local-onboarding-secret
ADMIN_TOKEN=local-admin-token
ENCRYPTION_KEYS=local-encryption-key
ALLOW_PRIVATE_DESTINATIONS=true
`;

/** `npm start`, and `npm run dev` with `--test-changes`: the relay on this machine, until a signal ends it. */
async function start(): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
  // A killed npm passes no signal on. This process then gets another parent.
  const endWithNpm = () => String(process.ppid) === process.env["NPM_PID"] || process.exit(1);
  if (process.env["NPM_PID"] !== undefined) setInterval(endWithNpm, 500).unref();

  const port = readPort(process.env["PORT"]);
  if (!existsSync(variablesFile)) {
    writeFileSync(variablesFile, localVariables, { flag: "wx" });
    console.log("Made .dev.vars, with secrets for this machine.");
  }
  const isDev = process.argv.includes("--test-changes");
  const { url } = await serve({ port, print: (line) => console.log(isDev ? `relay │ ${line}` : line) });
  console.log(`
Qonto relay is ready on ${url}

  webhooks      POST ${url}/webhooks/qonto
  destinations  ${url}/api/destinations   (Authorization: Bearer, ADMIN_TOKEN in .dev.vars)
  health        ${url}/health
  console       ${url}/console   (log in with ADMIN_TOKEN)
`);
  if (!isDev) return;
  testChanges((line) => console.log(`tests │ ${line}`));
  console.log("After each change of src or test the tests that depend on it run.\n");
}

function readPort(text: string | undefined): number {
  const port = z.coerce.number().int().min(1).max(65_535).default(8787).safeParse(text);
  if (!port.success) throw new ServeError(`PORT must be a number from 1 to 65535, not "${text}".`);
  return port.data;
}

try {
  await start();
} catch (error) {
  if (!(error instanceof ServeError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
