import type { DeliberateFault } from "./deliberate-fault.ts";

/**
 * Three guards are not among them, because what they keep away needs more than the simulation plays: the one of the writing of
 * tokens, for a write is late by a minute, the next refresh comes 40 minutes later, and Qonto takes all tokens of one grace; the lease
 * of a reconciliation's writes, for a run would have to wait for longer than 90 s and then go on; and that an event of reconciliation
 * has the same id each time, for a page and what was recorded of it are one transaction.
 */
export const connectionFaults: readonly DeliberateFault[] = [
  {
    title: "A refresh of tokens is not noted before it is made",
    file: "src/connection/tokens.ts",
    from: `const attempt = await beginRefresh(env.DB, seen, now);`,
    to: `const attempt: Connection | null = seen;`,
  },
  {
    title: "An interrupted refresh is not made again before the next run of the cron",
    file: "src/connection/tokens.ts",
    from: `await sendWatchdog(attempt, context);`,
    to: ``,
  },
  {
    title: "A refresh that is in progress is taken for an interrupted one",
    file: "src/connection/tokens.ts",
    from: `(ageMs >= inProgress && ageMs <= GRACE_MS)`,
    to: `ageMs <= GRACE_MS`,
  },
  {
    title: "Two runs of the cron look after a connection at once",
    file: "src/store/connections.ts",
    from: `WHERE id = ?1 AND lease_until <= ?3 RETURNING`,
    to: `WHERE id = ?1 AND ?3 IS ?3 RETURNING`,
  },
  {
    title: "A revoked consent is not noticed",
    file: "src/connection/look-after.ts",
    from: `status !== "revoked" && revokedAt !== null && Date.parse(revokedAt) > connectedAt`,
    to: `status !== "revoked" && revokedAt !== null && Date.parse(revokedAt) < connectedAt`,
  },
  {
    title: "The subscription of another relay counts as the relay's own",
    file: "src/connection/subscription-plan.ts",
    from: `(describedId === connectionId ? describedKeyId : null)`,
    to: `(describedId === undefined ? null : describedKeyId)`,
  },
  {
    title: "A subscription that points elsewhere is replaced",
    file: "src/connection/subscription-plan.ts",
    from: `isWhereLeft && keyId !== null`,
    to: `isWhereLeft !== null && keyId !== null`,
  },
  {
    title: "An empty list of subscriptions is believed",
    file: "src/connection/subscriptions.ts",
    from: `for (const id of plan.vanishedIds) if (await atQonto.has(id)) throw new UnreliableList();`,
    to: ``,
  },
  {
    title: "The old subscription is deleted, though there is no new one",
    file: "src/connection/subscriptions.ts",
    from: `const search = new TypeSearch(plan.kept, desired, atQonto);`,
    to: `if (plan.kept === null) for (const { id } of plan.surplus) await atQonto.delete(id);
  const search = new TypeSearch(plan.kept, desired, atQonto);`,
  },
  {
    title: "A surplus subscription stays",
    file: "src/connection/subscriptions.ts",
    from: `for (const { id } of plan.surplus) await atQonto.delete(id);`,
    to: ``,
  },
  {
    title: "A restored subscription does not make the reconciliation due",
    file: "src/store/connection-subscriptions.ts",
    from: `reconciliation_due_at = ifnull(?6, reconciliation_due_at)`,
    to: `reconciliation_due_at = ifnull(reconciliation_due_at, ?6)`,
  },
  {
    title: "A restored subscription is not told",
    file: "src/store/connection-subscriptions.ts",
    from: `await writeAll(db, { noted, told });`,
    to: `await writeAll(db, { noted });`,
  },
  {
    title: "A reconciliation notes how far it is before it records what it found",
    file: "src/connection/reconcile.ts",
    from: `if (!(await recordPage(`,
    to: `await writeReconciliation(env.DB, connection, JSON.stringify(run));
  if (!(await recordPage(`,
  },
  {
    title: "A list that was not read whole counts as complete",
    file: "src/connection/reconcile.ts",
    from: `isComplete(run) ? run.as_of : null`,
    to: `run.as_of`,
  },
  {
    title: "A list that became shorter while it was read is not read again",
    file: "src/reconciliation/reading.ts",
    from: `(!hasShrunk && count >= expected)`,
    to: `count >= 0`,
  },
  {
    title: "What changed while the reconciliation ran is left out",
    file: "src/connection/reconcile.ts",
    from: `now: Math.min(qonto.answeredAtMs ?? Infinity, world.now()),`,
    to: `now: world.now() + 60_000,`,
  },
  {
    title: "History is delivered",
    file: "src/connection/find-differences.ts",
    from: `return changedAt === null ? isFirstReading : Date.parse(changedAt) < connection.historyUntil;`,
    to: `return changedAt === null && isFirstReading && connection.historyUntil === 0;`,
  },
  {
    title: "What was missed counts as history",
    file: "src/connection/find-differences.ts",
    from: `return changedAt === null ? isFirstReading : Date.parse(changedAt) < connection.historyUntil;`,
    to: `return (changedAt === null || isFirstReading) && connection.historyUntil > 0;`,
  },
  {
    title: "History does not become the latest state",
    file: "src/store/reconciliation.ts",
    from: `state: upsertResources(`,
    to: `state: ((..._: Parameters<typeof upsertResources>) => [])(`,
  },
  {
    title: "What a list lacks is not searched for",
    file: "src/connection/run.ts",
    from: `read !== null && isListedWhole(read.type)`,
    to: `read !== null && read.type === ""`,
  },
  {
    title: "A 404 that is not Qonto's counts as a deletion",
    file: "src/reconciliation/look-up.ts",
    from: `error.status === 404 && error.code !== null`,
    to: `error.status === 404`,
  },
  {
    title: "A 404 counts, though a listed resource is not found either",
    file: "src/reconciliation/look-up.ts",
    from: `listedId === null || (await this.#allAnswer("found", shown, listedId))`,
    to: `listedId === null || id !== ""`,
  },
  {
    title: "Of a beneficiary one path alone is asked",
    file: "src/reconciliation/look-up.ts",
    from: `for (const path of paths) if`,
    to: `for (const path of paths.slice(0, 1)) if`,
  },
  {
    title: "What is hidden from a list counts as deleted",
    file: "src/reconciliation/look-up.ts",
    from: `      return "found";`,
    to: `      return id === this.#beginning.listedId ? "found" : "gone";`,
  },
  {
    title: "What came after the run began is compared with its list",
    file: "src/reconciliation/compare.ts",
    from: `at !== null && at.sortKey >= asOf.sortKey`,
    to: `at === null && asOf.sortKey === ""`,
  },
  {
    title: "What is listed again stays deleted",
    file: "src/reconciliation/compare.ts",
    from: `fields.length > 0 || known.deleted ?`,
    to: `fields.length > 0 && !known.deleted ?`,
  },
  {
    title: "Tokens are not encrypted again under a new key",
    file: "src/cron/reencrypt-secrets.ts",
    from: `if (tokens !== null) await reencryptTokens(env.DB, connection, tokens);`,
    to: ``,
  },
];
