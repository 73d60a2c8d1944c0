/** In which form a destination gets events. `qonto`: byte for byte as Qonto sent them. */
export const formats = ["qonto", "cloudevents", "slack", "teams", "template"] as const;

export type Format = (typeof formats)[number];

/** A template is parsed again for each attempt. */
export const MAX_TEMPLATE_CHARACTERS = 16_384;

/**
 * Messages a second that Slack and Teams take from one webhook; null: no such limit is known. A destination without a
 * `max_per_second` of its own gets it when it takes this format.
 */
export function usualRate(format: Format): number | null {
  if (format === "slack") return 1;
  return format === "teams" ? 4 : null;
}
