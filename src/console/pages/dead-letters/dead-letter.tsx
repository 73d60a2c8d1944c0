import { notFound } from "../../../api/requests.ts";
import { findDeadLetter } from "../../../store/dead-letters.ts";
import { findDestinations } from "../../../store/destinations.ts";
import { addresses, deadLetterAddress } from "../../addresses.ts";
import { Confirm } from "../../ui/form.tsx";
import { Facts, Time } from "../../ui/values.tsx";
import { Page } from "../../ui/layout.tsx";
import { type Console, readQuery, viewerOf } from "../../requests.ts";
import { showPage } from "../../show-page.ts";
import { Done, doneQuery } from "./done.tsx";
import { kindOf } from "./kinds.ts";
import { About, LetterState, Replay } from "./list.tsx";
import { Message } from "./message.tsx";

/** One dead letter with its message. */
export function addDeadLetter(pages: Console): void {
  pages.get("/dead-letters/:id", async (c) => {
    const { done } = readQuery(c, doneQuery);
    const letter = await findDeadLetter(c.env.DB, c.req.param("id"));
    if (letter === null) throw notFound("dead letter: it may have been deleted");
    const { id, kind, destinationId, receivedAt, replayedAt, message } = letter;
    const [destination] = destinationId === null ? [] : await findDestinations(c.env.DB, [destinationId]);
    const viewer = viewerOf(c);
    const { short, what, advice } = kindOf(kind);
    return showPage(
      c,
      <Page title={`Dead letter: ${short.toLowerCase()}`} viewer={viewer} here={addresses.deadLetters} lead={what}>
        <Done done={done} />
        <section aria-labelledby="decide">
          <h2 id="decide">What to do</h2>
          <p>
            {replayedAt === null
              ? advice
              : "It has been replayed. To replay it again is harmless: what is done is not done twice."}
          </p>
          <div class="actions">
            <Replay viewer={viewer} letter={letter} back="one" />
            <Confirm viewer={viewer} action={`${deadLetterAddress(id)}/delete`} label="Delete">
              The message could never be replayed again. That cannot be undone.
            </Confirm>
          </div>
        </section>
        <section aria-labelledby="facts">
          <h2 id="facts">What is known</h2>
          <Facts
            facts={{
              State: <LetterState replayedAt={replayedAt} />,
              About: <About letter={letter} destination={destination} />,
              "Given up": <Time at={receivedAt} />,
              Kind: <bdi class="mono">{kind}</bdi>,
              Message: <bdi class="mono">{id}</bdi>,
            }}
          />
        </section>
        <Message json={message} />
        <p>
          <a href={addresses.deadLetters}>Back to what waits</a>
        </p>
      </Page>,
    );
  });
}
