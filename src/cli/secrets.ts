/** Shorter ones are found in half of all sentences. */
const SHORTEST_HIDDEN = 6;

/** The secrets of one run: no error will show them, also if the far side echoes them. */
export class Secrets {
  readonly #hidden = new Set<string>();

  /** Remembers a secret, or a comma-separated list of them. */
  keep(text: string): string {
    for (const part of [text, ...text.split(",")]) {
      if (part.trim().length >= SHORTEST_HIDDEN) this.#hidden.add(part.trim());
    }
    return text;
  }

  /** A text without them. */
  hide(text: string): string {
    const longestFirst = [...this.#hidden].toSorted((one, other) => other.length - one.length);
    return longestFirst.reduce((cleaned, secret) => cleaned.replaceAll(secret, "[secret]"), text);
  }
}
