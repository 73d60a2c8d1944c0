interface StripProps {
  /** Oldest first. */
  readonly statuses: readonly ("delivered" | "pending" | "dead")[];
}

const heights = { delivered: 10, pending: 16, dead: 20 } as const;
const tones = { delivered: "ok", pending: "wait", dead: "bad" } as const;
const STEP = 7;
const PLACES = 30;
const HEIGHT = 20;

/** What became of the latest deliveries, one mark each: trouble stands taller. */
export function Strip({ statuses }: StripProps) {
  if (statuses.length === 0) return <span class="help">Nothing sent yet</span>;
  const start = Math.max(0, PLACES - statuses.length);
  return (
    <svg class="strip" viewBox={`0 0 ${PLACES * STEP} ${HEIGHT}`} role="img" aria-label={inWords(statuses)}>
      {Array.from({ length: start }, (_, index) => (
        <rect class="block-none" x={index * STEP + 1} y={HEIGHT - 2} width={STEP - 2} height="2" />
      ))}
      {statuses.map((mark, index) => (
        <rect
          class={`block tone-${tones[mark]}`}
          x={(start + index) * STEP + 1}
          y={HEIGHT - heights[mark]}
          width={STEP - 2}
          height={heights[mark]}
          rx="1"
        />
      ))}
    </svg>
  );
}

function inWords(statuses: StripProps["statuses"]): string {
  const delivered = statuses.filter((mark) => mark === "delivered").length;
  return `${delivered} of the latest ${statuses.length} delivered; the very latest is ${statuses.at(-1) ?? ""}`;
}
