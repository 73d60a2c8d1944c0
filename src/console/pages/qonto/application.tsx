import { wantedScopes } from "../../../connection/authorize.ts";
import { type Config, isOfApplication } from "../../../env.ts";
import { callbackAddress } from "../../addresses.ts";
import { CopyButton } from "../../ui/form.tsx";
import { Notice, Section } from "../../ui/layout.tsx";
import { Facts, Names, counted } from "../../ui/values.tsx";

interface SetUpProps {
  readonly faults: Config["faults"];
  /** Of the relay, as the browser knows it. */
  readonly origin: string;
}

const COMMANDS = `npx wrangler secret put QONTO_CLIENT_ID
npx wrangler secret put QONTO_CLIENT_SECRET`;

/** What is to do before an organization can be connected. */
export function SetUp({ faults, origin }: SetUpProps) {
  const ofApplication = faults.filter(isOfApplication);
  return (
    <Section id="set-up" title="Set up">
      {ofApplication.length === 0 ? null : (
        <Notice kind="bad">{`${ofApplication.map(({ message }) => message).join("; ")}.`}</Notice>
      )}
      <ol class="steps stack">
        <li class="stack">
          <p>Register an OAuth application in Qonto's developer portal, with exactly this redirect URI:</p>
          <RedirectUri origin={origin} />
          <p>
            and these scopes: <Scopes scopes={wantedScopes(null)} />
          </p>
        </li>
        <li class="stack">
          <p>Give the relay the client id and the client secret of the application:</p>
          <pre tabindex={0} role="region" aria-label="Commands">
            {COMMANDS}
          </pre>
          <p class="help">
            On your own machine set both in <code>.dev.vars</code>. For Qonto's sandbox also set{" "}
            <code>QONTO_ENVIRONMENT=sandbox</code> and the secret <code>QONTO_STAGING_TOKEN</code>.
          </p>
        </li>
        <li>Open this page again, and connect an organization.</li>
      </ol>
    </Section>
  );
}

interface ApplicationProps {
  readonly application: NonNullable<Config["qonto"]>;
  readonly origin: string;
}

/** The relay as an application of Qonto's. */
export function Application({ application, origin }: ApplicationProps) {
  const { environment, clientId, types, backfillDays } = application;
  return (
    <Section id="application" title="Application at Qonto">
      <Facts
        facts={{
          Environment: environment,
          "Client id": <bdi class="mono">{clientId}</bdi>,
          "Redirect URI": <RedirectUri origin={origin} />,
          Scopes: <Scopes scopes={wantedScopes(types)} />,
          "Event types": types === null ? "all that the scopes allow" : <Names names={types} most={20} />,
          "First reconciliation": `transactions of the last ${counted(backfillDays, "day")}, all of everything else`,
        }}
      />
    </Section>
  );
}

/** As it is to be registered. */
function RedirectUri({ origin }: { readonly origin: string }) {
  return (
    <p class="cluster">
      <bdi class="mono" id="redirect-uri">
        {origin + callbackAddress}
      </bdi>
      <CopyButton id="redirect-uri" kind="small" />
    </p>
  );
}

function Scopes({ scopes }: { readonly scopes: readonly string[] }) {
  return <Names names={scopes} most={20} />;
}
