const secrets = [
  {
    name: "QONTO_WEBHOOK_SECRETS",
    isRequired: true,
    purpose: "secrets of the Business API's subscriptions, comma-separated",
  },
  { name: "ADMIN_TOKEN", isRequired: true, purpose: "opens the operator's API: 32 characters or more" },
  {
    name: "QONTO_ONBOARDING_SECRETS",
    isRequired: false,
    purpose: "secrets of the Onboarding API's webhook, comma-separated",
  },
  {
    name: "ENCRYPTION_KEYS",
    isRequired: false,
    purpose: "encrypt the teams' secrets in the database; else ADMIN_TOKEN does",
  },
];

/** Which secrets are yet to be set, and how; empty when all are. */
export function missingSecrets(set: readonly string[]): string {
  const missing = secrets.filter(({ name }) => !set.includes(name));
  const required = missing.filter(({ isRequired }) => isRequired).map(howToSet);
  const optional = missing.filter(({ isRequired }) => !isRequired).map(howToSet);
  return [
    ...(required.length === 0
      ? []
      : [
          "Secrets that are missing; until they are set what needs them is refused with 503:",
          ...required,
          "`openssl rand -base64 32` makes one that nobody guesses.",
        ]),
    ...(optional.length === 0 ? [] : ["Secrets that you may set:", ...optional]),
  ].join("\n");
}

function howToSet({ name, purpose }: (typeof secrets)[number]): string {
  return `  npx wrangler secret put ${name.padEnd(26)}# ${purpose}`;
}

/** What is left to do with a relay that is deployed. */
export function nextCommands(targets: readonly string[]): string {
  const url = addressOf(targets) ?? "https://<its address>";
  return `Qonto's webhooks go to ${url}/webhooks/qonto

  npm run qonto -- subscriptions create --url ${url}/webhooks/qonto --all-types
  npm run qonto -- doctor --url ${url}`;
}

/** A domain of one's own rather than the one that Cloudflare lends. */
function addressOf(targets: readonly string[]): string | undefined {
  const [own] = targets.flatMap((target) => /^([\w.-]+) \(custom domain/.exec(target)?.[1] ?? []);
  return own === undefined ? targets.find((target) => target.startsWith("https://")) : `https://${own}`;
}
