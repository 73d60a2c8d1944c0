import { parseInstant } from "../../domain/instant.ts";

interface TimeProps {
  /** Unix milliseconds. */
  readonly at: number;
  /** How much of it is shown; the rest is under it. */
  readonly show?: "instant" | "moment" | "minute" | "day";
}

/** In UTC; a browser that runs the page's script shows the reader's own zone, with the exact UTC under it. */
export function Time({ at, show = "instant" }: TimeProps) {
  const iso = new Date(at).toISOString();
  const exact = `${iso.slice(0, 10)} ${iso.slice(11, 23)} UTC`;
  return (
    <time datetime={iso} title={exact} data-show={show}>
      {shortened(iso, show)}
    </time>
  );
}

function shortened(iso: string, show: NonNullable<TimeProps["show"]>): string {
  switch (show) {
    case "instant":
      return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
    case "moment":
      return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
    case "minute":
      return `${iso.slice(11, 16)} UTC`;
    case "day":
      return iso.slice(0, 10);
  }
}

/** As the text of an instant says; what is none is shown as it is. */
export function TimeOfText({ text, show = "instant" }: { readonly text: string } & Pick<TimeProps, "show">) {
  const instant = parseInstant(text);
  return instant === null ? <bdi>{text}</bdi> : <Time at={Date.parse(instant.iso)} show={show} />;
}

/** `3 min`, of a duration in milliseconds. */
export function durationInWords(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 2 * 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 2 * 86_400_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} days`;
}
