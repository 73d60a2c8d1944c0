import type { Writable } from "node:stream";
import { WriteStream } from "node:tty";

/** A standard stream of the process, or what a test has in its place. */
export type Stream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export type Environment = Readonly<Record<string, string | undefined>>;

const USUAL_WIDTH = 80;
const CLEAR_LINE = "\r\u001B[2K";

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

/** Where the output of one run goes. Beside the result no secret is shown, and nothing after it is closed. */
export class Terminal {
  readonly hasColor: boolean;
  /** Characters in a line of each stream. */
  readonly widths: { readonly stdout: number; readonly stderr: number };
  readonly #streams: { readonly stdout: Stream; readonly stderr: Stream };
  readonly #secrets: Secrets;
  /** Both streams share one line for it. */
  #progressIsShown = false;
  #isClosed = false;

  constructor(
    { env, stdout, stderr }: { readonly env: Environment; readonly stdout: Stream; readonly stderr: Stream },
    secrets: Secrets,
  ) {
    this.#streams = { stdout, stderr };
    this.#secrets = secrets;
    this.widths = { stdout: widthOf(stdout), stderr: widthOf(stderr) };
    // NO_COLOR and its like say no to a terminal; FORCE_COLOR says yes where there is none.
    const mayHaveColor = stdout.isTTY === true || env["FORCE_COLOR"] !== undefined;
    this.hasColor = mayHaveColor && WriteStream.prototype.getColorDepth(env) > 2;
  }

  /** The result. */
  print(text: string): void {
    this.#clearProgress();
    this.#write("stdout", text);
  }

  /** Everything else than the result. */
  tell(text: string): void {
    this.#clearProgress();
    this.#write("stderr", this.clean(text));
  }

  /** A text without the secrets of this run. */
  clean(text: string): string {
    return this.#secrets.hide(text);
  }

  /** What the run is doing, on a terminal only. The next one replaces it. */
  progress(text: string): void {
    if (this.#streams.stderr.isTTY !== true) return;
    this.#write("stderr", CLEAR_LINE + text.slice(0, this.widths.stderr - 1));
    this.#progressIsShown = true;
  }

  close(): void {
    this.#clearProgress();
    this.#isClosed = true;
  }

  /** Empties the line before something else is said. */
  #clearProgress(): void {
    if (this.#progressIsShown) this.#write("stderr", CLEAR_LINE);
    this.#progressIsShown = false;
  }

  #write(stream: "stdout" | "stderr", text: string): void {
    if (!this.#isClosed) this.#streams[stream].write(text);
  }
}

function widthOf({ isTTY, columns }: Stream): number {
  return (isTTY === true && columns) || USUAL_WIDTH;
}
