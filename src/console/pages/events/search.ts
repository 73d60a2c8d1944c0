import { z } from "zod";
import { cursorOf, encodeCursor } from "../../../api/requests.ts";
import { outcomes } from "../../../store/event-outcomes.ts";
import type { EventPosition, EventQuery } from "../../../store/event-list.ts";
import { moment, momentText } from "../../ui/form.tsx";

/** Blanks are as good as nothing; what is longer than any name finds nothing. */
const text = z
  .string()
  .trim()
  .transform((typed) => (typed === "" ? undefined : typed));

/** What the live tail can be narrowed to. */
export const tailQuery = z.object({ type: text.optional(), organization: text.optional() });

/** What the list can be narrowed to; all of it lives in the URL. */
export const listQuery = tailQuery.extend({
  id: text.optional(),
  outcome: z.enum(outcomes).optional(),
  since: moment.optional(),
  until: moment.optional(),
  cursor: cursorOf(z.object({ seq: z.number(), receivedAt: z.number() })).optional(),
});

export type ListQuery = z.output<typeof listQuery>;

const SHOWN = 50;

export function toSearch({ type, organization, outcome, since, until, cursor }: ListQuery) {
  const query: EventQuery = { type, organizationId: organization, since, until, before: cursor, limit: SHOWN };
  return { ...query, outcome, resourceId: undefined };
}

/** The query as a link bears it. */
export function toLink({ since, until, cursor, ...texts }: ListQuery): Record<string, string | undefined> {
  return {
    ...texts,
    since: since === undefined ? undefined : momentText(since),
    until: until === undefined ? undefined : momentText(until),
    cursor: cursor === undefined ? undefined : toCursor(cursor),
  };
}

export function toCursor(position: EventPosition): string {
  return encodeCursor(position);
}
