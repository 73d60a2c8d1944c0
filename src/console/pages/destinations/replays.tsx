import type { Replay } from "../../../domain/replay.ts";
import { Time } from "../../ui/values.tsx";

/** What a replay sends. */
export const whichInWords: Readonly<Record<Replay["which"], string>> = {
  failed: "what was given up",
  missing: "what it missed",
  all: "everything",
};

/** How far the latest replays are. */
export function Replays({ replays }: { readonly replays: readonly Replay[] }) {
  if (replays.length === 0) return null;
  return (
    <section aria-labelledby="replays">
      <h2 id="replays">Replays</h2>
      <ul class="replays">
        {replays.map((replay) => (
          <li>
            Of {whichInWords[replay.which]}, received from <Time at={replay.since} /> to <Time at={replay.until} />:{" "}
            {replay.finishedAt === null ? <Progress replay={replay} /> : <Finished at={replay.finishedAt} />}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Finished({ at }: { readonly at: number }) {
  return (
    <>
      all of it was put in line by <Time at={at} />.
    </>
  );
}

function Progress({ replay: { since, until, reached } }: { readonly replay: Replay }) {
  const percent = Math.min(99, Math.floor(((reached.receivedAt - since) / Math.max(1, until - since)) * 100));
  return (
    <>
      has reached <Time at={reached.receivedAt} />, {percent} %.
      <progress max={100} value={percent} aria-label="How far the replay is">
        {percent} %
      </progress>
    </>
  );
}
