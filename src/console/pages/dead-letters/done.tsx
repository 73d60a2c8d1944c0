import { z } from "zod";
import { Notice } from "../../ui/layout.tsx";

const sentences = {
  replayed:
    "Replayed: the message is with its queue again, and is worked off within seconds. To replay it twice is harmless.",
  deleted: "Deleted: nothing of the letter is kept but the audit record.",
} as const;

/** What an action says in the query of the page that it leads to. */
export const doneQuery = z.object({ done: z.enum(["replayed", "deleted"]).optional() });

export function Done({ done }: z.output<typeof doneQuery>) {
  return done === undefined ? null : <Notice kind="ok">{sentences[done]}</Notice>;
}
