import type { AuditRecord } from "../../../store/audit.ts";
import { State } from "../../ui/values.tsx";

/** How it ended; what did not end well says what to do. */
export function Outcome({ outcome }: Pick<AuditRecord, "outcome">) {
  if (outcome === "done") return <State state="done" />;
  return (
    <span>
      <State state={outcome} />
      <span class="audit-why">{explanations[outcome]}</span>
    </span>
  );
}

const explanations = {
  begun: "It is still being done, or the relay died before it could say what came of it: look at the subject.",
  failed: "A fault of the relay or of D1 ended it, perhaps half-way: look at the subject, and do it again.",
} as const;
