import { html } from "hono/html";
import type { Customer } from "./oauth-api.ts";

type Html = ReturnType<typeof html>;

/** Where a member allows an application what it asks for. `search`: the query of the request, which the form repeats. */
export function consentPage(scopes: readonly string[], customers: readonly Customer[], search: string): Html {
  const options = customers.map(
    ({ organizationId, name }) => html`<option value="${organizationId}">${name} (${organizationId})</option>`,
  );
  return page(
    html`<p>The application asks for: ${scopes.join(", ")}.</p>
      <form method="post" action="/oauth2/auth${search}">
        <p>
          <label
            >Organization
            <select name="organization_id">
              ${options}
            </select></label
          >
        </p>
        <button name="decision" value="accept">Accept</button>
        <button name="decision" value="deny">Deny</button>
      </form>`,
  );
}

export function refusalPage(reason: string): Html {
  return page(html`<p>${reason}</p>`);
}

function page(content: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>Simulated Qonto</title>
        <link rel="icon" href="data:," />
      </head>
      <body>
        <h1>Simulated Qonto</h1>
        ${content}
      </body>
    </html>`;
}
