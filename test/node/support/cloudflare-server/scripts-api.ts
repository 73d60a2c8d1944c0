import { isDeepStrictEqual } from "node:util";
import { type Context, Hono } from "hono";
import { type Emulation, Refusal, type Variables, bodyOf, failure, page, success, timestamp } from "./context.ts";
import { type Deployment, Script, type Version, describeBinding, readUpload, scriptOf } from "./scripts.ts";

/** Workers: uploads, versions, deployments, and settings outside of versions. */
export function scriptsApi(emulation: Emulation): Hono<Variables> {
  const { changes } = emulation;
  const api = new Hono<Variables>();
  const script = ({ req, var: { account } }: Context<Variables>) => scriptOf(account, req.param("name") ?? "");

  api.get("/", ({ req, var: { account } }) =>
    page([...account.scripts.values()].map(describeScript), req.url, { perPage: 100, atMost: emulation.pageSize }),
  );
  api.put("/:name", async (context) => {
    const { account } = context.var;
    const name = context.req.param("name");
    const upload = await readUpload(context.req.raw);
    const at = timestamp(emulation);
    const uploaded = account.scripts.get(name) ?? new Script(name, at);
    const version = uploaded.addVersion(upload, account, at);
    uploaded.deploy(version, { ...version.annotations, "workers/triggered_by": "upload" }, at);
    uploaded.settings = { observability: version.observability, tags: [], ...uploaded.settings };
    account.scripts.set(name, uploaded);
    changes.push(`upload ${name}`);
    return success({ ...describeScript(uploaded), deployment_id: version.id.replaceAll("-", ""), startup_time_ms: 5 });
  });
  api.delete("/:name", (context) => {
    const { name } = script(context);
    const {
      account,
      account: { queues },
    } = context.var;
    const isConsumer = [...queues.values()].some(({ consumers }) => consumers.some((one) => one.script === name));
    if (isConsumer && context.req.query("force") !== "true") {
      return failure(400, 10064, "Cannot delete this Worker as it is a consumer for a Queue.");
    }
    for (const queue of queues.values()) {
      queue.consumers.splice(0, Infinity, ...queue.consumers.filter((one) => one.script !== name));
    }
    account.scripts.delete(name);
    changes.push(`delete ${name}`);
    return success(null);
  });

  api.post("/:name/versions", async (context) => {
    const uploaded = script(context);
    const upload = await readUpload(context.req.raw);
    const version = uploaded.addVersion(upload, context.var.account, timestamp(emulation));
    changes.push(`upload ${uploaded.name}`);
    return success({ ...describeVersion(version), startup_time_ms: 5 });
  });
  api.get("/:name/versions", (context) => {
    const { versions } = script(context);
    return success({ items: versions.toReversed().map(describeVersion) });
  });
  api.get("/:name/versions/:version", (context) =>
    success(describeVersion(script(context).version(context.req.param("version")))),
  );
  api.get("/:name/deployments", (context) =>
    success({ deployments: script(context).deployments.map(describeDeployment) }),
  );
  api.post("/:name/deployments", async (context) => {
    const deployed = script(context);
    const { versions, annotations = {} } = await bodyOf(context);
    if (versions?.length !== 1 || versions[0].percentage !== 100) {
      throw new Refusal(400, 10_220, "This emulation deploys one version at a time.");
    }
    const version = deployed.version(versions[0].version_id);
    const deployment = deployed.deploy(version, annotations, timestamp(emulation));
    changes.push(`deploy ${deployed.name}`);
    return success(describeDeployment(deployment));
  });

  api.get("/:name/secrets", (context) =>
    success(
      script(context)
        .live.bindings.filter(({ type }) => type === "secret_text")
        .map(describeBinding),
    ),
  );
  // A secret makes a new version of the last upload, and deploys it.
  api.put("/:name/secrets", async (context) => {
    const changed = script(context);
    const { name, text, type = "secret_text" } = await bodyOf(context);
    const at = timestamp(emulation);
    const { bindings: before, ...latest } = changed.versions.at(-1) ?? changed.live;
    const inherited = before.filter((one) => one.name !== name).map((one) => ({ name: one.name, type: "inherit" }));
    const upload = { ...latest, bindings: [...inherited, { name, type, text }], keep: [], annotations: {} };
    const version = changed.addVersion(upload, context.var.account, at);
    changed.deploy(version, { "workers/triggered_by": "secret" }, at);
    changes.push(`set secret ${name} of ${changed.name}`);
    return success({ name, type });
  });
  api.get("/:name/settings", (context) => {
    const { live, settings } = script(context);
    const { compatibility_date, compatibility_flags } = live;
    return success({
      ...settings,
      bindings: live.bindings.map(describeBinding),
      compatibility_date,
      compatibility_flags,
    });
  });
  api.get("/:name/script-settings", (context) => success(script(context).settings));
  api.patch("/:name/script-settings", async (context) => {
    const patched = script(context);
    const settings = { ...patched.settings, ...(await bodyOf(context)) };
    if (!isDeepStrictEqual(settings, patched.settings)) changes.push(`change settings of ${patched.name}`);
    patched.settings = settings;
    return success(settings);
  });
  api.get("/:name/schedules", (context) => success({ schedules: script(context).schedules }));
  api.put("/:name/schedules", async (context) => {
    const scheduled = script(context);
    const asked: { cron: string }[] = await context.req.json();
    const before = new Map(scheduled.schedules.map((one) => [one.cron, one]));
    const at = timestamp(emulation);
    for (const { cron } of asked) if (!before.has(cron)) changes.push(`schedule ${cron}`);
    for (const cron of before.keys()) if (!asked.some((one) => one.cron === cron)) changes.push(`unschedule ${cron}`);
    scheduled.schedules = asked.map(({ cron }) => before.get(cron) ?? { cron, created_on: at, modified_on: at });
    return success({ schedules: scheduled.schedules });
  });
  api.get("/:name/subdomain", (context) => success(script(context).subdomain));
  api.post("/:name/subdomain", async (context) => {
    const reached = script(context);
    const { subdomain: before } = reached;
    const { enabled, previews_enabled = enabled } = await bodyOf(context);
    reached.subdomain = { enabled, previews_enabled };
    if (before.enabled !== enabled) changes.push(`${enabled ? "enable" : "disable"} workers.dev`);
    if (before.previews_enabled !== previews_enabled) {
      changes.push(`${previews_enabled ? "enable" : "disable"} preview URLs`);
    }
    return success(reached.subdomain);
  });
  return api;
}

/** The same Workers in two other parts of the API. */
export function workersApi(): Hono<Variables> {
  const api = new Hono<Variables>();
  api.get("/services/:name", ({ req, var: { account } }) => {
    const script = account.scripts.get(req.param("name"));
    if (script === undefined) return failure(404, 10090, "workers.api.error.service_not_found");
    const { created_on } = script;
    const environment = { environment: "production", created_on, script: describeScript(script) };
    return success({ id: script.name, created_on, default_environment: environment, environments: [environment] });
  });
  api.get("/workers/:name", ({ req, var: { account } }) => {
    const { tag, name, created_on, subdomain } = scriptOf(account, req.param("name"));
    return success({ id: tag, name, created_on, subdomain });
  });
  return api;
}

function describeScript({ name, tag, created_on, live, settings }: Script) {
  const { tags = [] } = settings;
  return {
    id: name,
    tag,
    tags,
    etag: live.id,
    created_on,
    modified_on: live.created_on,
    last_deployed_from: "wrangler",
  };
}

function describeVersion(version: Version) {
  const { id, number, created_on, annotations, bindings, compatibility_date, compatibility_flags } = version;
  const resources = {
    bindings: bindings.map(describeBinding),
    script: { etag: id, handlers: ["fetch"], last_deployed_from: "wrangler" },
    script_runtime: { compatibility_date, compatibility_flags, usage_model: "standard" },
  };
  return { id, number, metadata: { created_on, modified_on: created_on, source: "wrangler" }, annotations, resources };
}

function describeDeployment({ id, version, created_on, annotations }: Deployment) {
  const versions = [{ version_id: version.id, percentage: 100 }];
  return { id, source: "wrangler", strategy: "percentage", created_on, annotations, versions };
}
