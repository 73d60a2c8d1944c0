import { z } from "zod";
import { eventAddress } from "../../addresses.ts";
import { Button, Field, Form, Press } from "../../components/form.tsx";
import { teamName } from "../../components/team-link.tsx";
import type { Viewer } from "../../requests.ts";
import type { OneEvent } from "./one-event.ts";

/** What came of sending an event again, as the page's query says it. */
export const done = z.enum(["team", "busy", "all", "nobody"]);

export type Done = z.output<typeof done>;

export const doneSentences: Readonly<Record<Done, { readonly kind: "ok" | "info"; readonly says: string }>> = {
  team: { kind: "ok", says: "It is on its way to that team. What that answers will stand under its name." },
  busy: { kind: "info", says: "Nothing was sent anew: an attempt at that team is under way." },
  all: { kind: "ok", says: "It is on its way to each team that wants it and does not have it." },
  nobody: { kind: "info", says: "Nothing was sent: no team wants it that does not have it, or it is on its way." },
};

/** To all that want it, or to a team that has not been owed it. */
export function SendAgain({ found, viewer }: { readonly found: OneEvent; readonly viewer: Viewer }) {
  const { event, otherTeams } = found;
  const address = eventAddress(event.id);
  return (
    <section aria-labelledby="send-again">
      <h2 id="send-again">Send it again</h2>
      <div class="send-again">
        <div>
          <Press viewer={viewer} action={`${address}/replay`} kind="main">
            Send to all that want it
          </Press>
          <p class="help">A team that has it does not get it again by this.</p>
        </div>
        {otherTeams.length === 0 ? null : (
          <Form viewer={viewer} action={`${address}/replay-to-team`} class="send-to-team">
            <Field label="One that it was not for">
              <select name="destination_id" required>
                {otherTeams.map((team) => (
                  <option
                    value={team.id}
                  >{`${teamName(team)}${team.enabled ? "" : " (paused: it waits there)"}`}</option>
                ))}
              </select>
            </Field>
            <Button viewer={viewer}>Send to this team</Button>
          </Form>
        )}
      </div>
    </section>
  );
}

/** To a team that it is for, whether that has it or not. */
export function SendToTeam({ eventId, teamId, viewer }: { eventId: string; teamId: string; viewer: Viewer }) {
  return (
    <Press viewer={viewer} action={`${eventAddress(eventId)}/replay-to-team`} name="destination_id" value={teamId}>
      Send again
    </Press>
  );
}
