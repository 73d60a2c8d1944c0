/** How a state looks: a shape and a word beside the colour. */
const looks = {
  ok: { tone: "ok", sign: "●" },
  healthy: { tone: "ok", sign: "●" },
  delivered: { tone: "ok", sign: "●" },
  settled: { tone: "ok", sign: "●" },
  done: { tone: "ok", sign: "●" },
  released: { tone: "ok", sign: "●" },
  pending: { tone: "wait", sign: "◐" },
  begun: { tone: "wait", sign: "◐" },
  failing: { tone: "wait", sign: "▲" },
  resting: { tone: "bad", sign: "◼" },
  degraded: { tone: "bad", sign: "◼" },
  dead: { tone: "bad", sign: "◼" },
  failed: { tone: "bad", sign: "◼" },
  paused: { tone: "idle", sign: "○" },
  unmatched: { tone: "idle", sign: "○" },
  waiting: { tone: "wait", sign: "◐" },
} as const;

export type StateName = keyof typeof looks;

/** A state as a badge; `children` say it otherwise than by its name. */
export function State({ state, children }: { readonly state: StateName; readonly children?: string | undefined }) {
  const { tone, sign } = looks[state];
  return (
    <span class={`state tone-${tone}`}>
      <span aria-hidden="true">{sign}</span> {children ?? state}
    </span>
  );
}
