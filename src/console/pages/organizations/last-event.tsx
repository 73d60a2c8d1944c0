import { Time } from "../../ui/values.tsx";

export interface LastEvent {
  /** Unix milliseconds; null when it is not among the newest events. */
  readonly at: number | null;
  /** Since when these are. */
  readonly before: number;
}

export function ShowLastEvent({ lastEvent: { at, before } }: { readonly lastEvent: LastEvent }) {
  if (at !== null) return <Time at={at} />;
  return (
    <span>
      before <Time at={before} show="moment" />
    </span>
  );
}
