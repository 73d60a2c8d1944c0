import { z } from "zod";
import { auditWindow } from "../../../api/audit.ts";
import { cursorOf, encodeCursor } from "../../../api/requests.ts";
import type { World } from "../../../platform/world.ts";
import { listAudit } from "../../../store/audit.ts";
import { findDestinations } from "../../../store/destinations.ts";
import { addresses } from "../../addresses.ts";
import { EmptyState, Pager } from "../../ui/table.tsx";
import { moment } from "../../ui/form.tsx";
import { Page } from "../../ui/layout.tsx";
import { type Console, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { actions } from "./actions.ts";
import { AuditFilters } from "./filters.tsx";
import { AuditList } from "./list.tsx";

const PER_PAGE = 50;

const query = z.object({
  token: z.string().optional(),
  action: z.enum(Object.keys(actions), "Is no action that the trail knows").optional(),
  subject: z.string().trim().optional(),
  since: moment.optional(),
  until: moment.optional(),
  cursor: cursorOf(z.object({ id: z.string() })).optional(),
});

/** Who did what, and when. */
export function addAudit(pages: Console, _world: World): void {
  pages.get("/audit", async (c) => {
    const { token, action, subject, since, until, cursor } = readQuery(c, query);
    const { records, next } = await listAudit(c.env.DB, {
      ...auditWindow({ since, until, cursor }),
      token,
      action,
      subject,
      limit: PER_PAGE,
    });
    const isFiltered = [token, action, subject, since, until].some((wish) => wish !== undefined);
    return showPage(
      c,
      <Page
        title="Audit trail"
        viewer={viewerOf(c)}
        here={addresses.audit}
        lead="Who changed what and when, newest first, by this console and by the API. Secrets and tokens are never in it."
      >
        <AuditFilters token={token} action={action} subject={subject} since={since} until={until} />
        {records.length === 0 ? (
          <Nothing isFiltered={isFiltered} isMore={next !== null} />
        ) : (
          <AuditList
            records={records}
            destinations={await findDestinations(c.env.DB, [...new Set(records.map((record) => record.subject))])}
          />
        )}
        <Pager
          path={addresses.audit}
          query={c.req.query()}
          nextCursor={next === null ? null : encodeCursor({ id: next })}
        />
      </Page>,
    );
  });
}

function Nothing({ isFiltered, isMore }: { readonly isFiltered: boolean; readonly isMore: boolean }) {
  if (isMore) {
    return (
      <EmptyState title="None of the records that were looked at is such a one.">
        <p>Older ones are on the next page.</p>
      </EmptyState>
    );
  }
  return isFiltered ? (
    <EmptyState title="Nobody did anything of the kind.">
      <p>
        <a href={addresses.audit}>Show everything</a>, or ask for less.
      </p>
    </EmptyState>
  ) : (
    <EmptyState title="Nobody has changed anything yet.">
      <p>
        Each change leaves a record here. The first could be <a href={addresses.destinations}>a destination</a>.
      </p>
    </EmptyState>
  );
}
