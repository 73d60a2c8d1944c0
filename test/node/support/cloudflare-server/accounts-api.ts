import { Hono } from "hono";
import type { Account } from "./account.ts";
import { failure, success } from "./answers.ts";
import { type Emulation, type Variables, bodyOf } from "./context.ts";
import { page } from "./paging.ts";
import { mayAtLeast } from "./tokens.ts";

const describe = ({ id, name }: Account) => ({ id, name, type: "standard", settings: {} });

/** Who asks, and which accounts there are for them. */
export function identityApi(emulation: Emulation): Hono<Variables> {
  const api = new Hono<Variables>();
  const paging = () => ({ perPage: 20, atMost: Math.min(50, emulation.pageSize) });
  const accountsOf = (ids: readonly string[]) => [...emulation.accounts.values()].filter(({ id }) => ids.includes(id));
  api.get("/user", () => success({ id: "user", email: "somebody@example.com" }));
  api.get("/user/tokens/verify", () => success({ id: "token", status: "active" }));
  // A token that may not read an account's settings is not told of the account.
  api.get("/accounts", ({ req, var: { token } }) => {
    const mayList = mayAtLeast(token.permissions.account_settings, "read");
    return page(mayList ? accountsOf(token.accounts).map(describe) : [], req.url, paging());
  });
  api.get("/memberships", ({ req, var: { token } }) => {
    const memberships = accountsOf(token.accounts).map((account) => ({
      id: `membership-${account.id}`,
      status: "accepted",
      account: describe(account),
      roles: ["Administrator"],
    }));
    return page(memberships, req.url, paging());
  });
  return api;
}

/** The account itself, and its subdomain under workers.dev. */
export function accountApi({ accounts, changes }: Emulation): Hono<Variables> {
  const api = new Hono<Variables>();
  const isTaken = (name: string) => [...accounts.values()].some(({ subdomain }) => subdomain === name);
  api.get("/", ({ var: { account } }) => success(describe(account)));
  api.get("/tokens/verify", () => success({ id: "token", status: "active" }));
  api.get("/workers/subdomain", ({ var: { account } }) =>
    account.subdomain === null
      ? failure(404, 10007, "This account does not have a workers.dev subdomain.")
      : success({ subdomain: account.subdomain }),
  );
  api.put("/workers/subdomain", async (context) => {
    const { subdomain } = await bodyOf(context);
    if (isTaken(subdomain)) return failure(409, 10031, "Subdomain is unavailable.");
    context.var.account.subdomain = subdomain;
    changes.push(`register ${subdomain}.workers.dev`);
    return success({ subdomain });
  });
  api.get("/workers/subdomains/:name", ({ req }) =>
    isTaken(req.param("name"))
      ? failure(409, 10031, "Subdomain is unavailable.")
      : failure(404, 10032, "Subdomain is available."),
  );
  return api;
}
