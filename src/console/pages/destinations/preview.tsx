import type { Preview } from "../../../api/actions/preview.ts";
import { eventAddress } from "../../addresses.ts";
import { Section } from "../../ui/layout.tsx";
import { counted, maskIbansIn } from "../../ui/values.tsx";

/** More would slow the browser down. The API gives the whole. */
const LONGEST_SHOWN = 20_000;

/** What the options of a form would do with the newest events. */
export function PreviewSection({ preview }: { readonly preview: Preview }) {
  const { matched, filtered, events, rendered } = preview;
  const { event_id, type, sample, content_type, fault } = rendered;
  const reasons = Map.groupBy(
    events.filter(({ would_send }) => !would_send),
    ({ reason }) => reason ?? "",
  );
  return (
    <Section id="preview" title="Preview">
      <p role="status">
        Nothing is saved. Of the newest {counted(matched + filtered, "event")}, {matched} would be sent.
        {Array.from(reasons, ([reason, those]) => (
          <>
            {" "}
            Not sent by <bdi>{reason}</bdi>: {those.length}.
          </>
        ))}
      </p>
      <p>
        {sample ? "A made-up event of " : "The newest of "}
        {sample ? <bdi class="mono">{type}</bdi> : <a href={eventAddress(event_id)}>{type}</a>}
        {" would be sent so:"}
      </p>
      {fault === null ? (
        <pre tabindex={0}>
          <bdi>{shownBody(rendered)}</bdi>
        </pre>
      ) : (
        <p class="fault">The template cannot be used for it: {fault}.</p>
      )}
      <p class="help">Content type: {content_type ?? "none"}. This page masks IBANs; what is sent stays as it is.</p>
    </Section>
  );
}

function shownBody({ body, body_base64 }: Preview["rendered"]): string {
  const text = (body ?? body_base64 ?? "").slice(0, LONGEST_SHOWN + 1);
  return text.length <= LONGEST_SHOWN ? maskIbansIn(text) : `${maskIbansIn(text.slice(0, LONGEST_SHOWN))}…`;
}
