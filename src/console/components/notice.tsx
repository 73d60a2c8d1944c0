import type { PropsWithChildren } from "hono/jsx";

type NoticeProps = PropsWithChildren<{ readonly kind: "ok" | "info" | "bad" }>;

/** A sentence that wants to be seen: what was done, what is to be known, what went wrong. */
export function Notice({ kind, children }: NoticeProps) {
  return (
    <p class={`notice notice-${kind}`} role={kind === "bad" ? "alert" : "status"}>
      {children}
    </p>
  );
}

type EmptyProps = PropsWithChildren<{ readonly title: string }>;

/** Instead of an empty list: what to do next. */
export function EmptyState({ title, children }: EmptyProps) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}
