import { z } from "zod";
import { Notice } from "../../ui/layout.tsx";
import { count } from "../../ui/values.tsx";

/** What an action says in the query of the page that it leads to. */
export const doneQuery = z.object({
  done: z.enum(["released", "settled_before", "deleted", "released_all"]).optional(),
  released: z.coerce.number().int().min(0).max(1_000).default(0),
  failed: z.coerce.number().int().min(0).max(1_000).default(0),
});

type DoneProps = z.output<typeof doneQuery>;

export function Done({ done, released, failed }: DoneProps) {
  switch (done) {
    case undefined:
      return null;
    case "released":
      return (
        <Notice kind="ok">
          Released: it is on its way to the destinations that want it. To release it again would send nothing.
        </Notice>
      );
    case "settled_before":
      return (
        <Notice kind="info">
          It had been released before, or had come by another way: nothing was sent a second time, and nothing is lost.
        </Notice>
      );
    case "deleted":
      return (
        <Notice kind="ok">Deleted: no destination gets it, and nothing of it is kept but the audit record.</Notice>
      );
    case "released_all":
      return (
        <Notice kind={failed === 0 ? "ok" : "bad"}>
          {released === 1 ? "Released 1 event" : `Released ${count(released)} events`}: what had not come by another way
          is on its way to the destinations that want it.
          {failed === 0
            ? ""
            : ` ${count(failed)} could not be released, and wait where they were: release them again in a moment.`}
        </Notice>
      );
  }
}
