import { Time } from "../../components/time.tsx";

export interface LastEvent {
  /** Unix milliseconds; null when it is not among the newest events. */
  readonly at: number | null;
  /** Since when these are; 0: they are all that is kept. */
  readonly before: number;
}

export function ShowLastEvent({ lastEvent: { at, before } }: { readonly lastEvent: LastEvent }) {
  if (at !== null) return <Time at={at} />;
  if (before === 0) return <span>none that is kept</span>;
  return (
    <span>
      before <Time at={before} show="moment" />
    </span>
  );
}
