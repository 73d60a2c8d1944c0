/** 1: the command found a fault, or the far side refused. 2: the command was used wrongly. */
export type ExitCode = 1 | 2;

/** Ends a command: one sentence for the person at the terminal, and what to do about it. */
export class Fault extends Error {
  readonly remedy: string | undefined;
  readonly exitCode: ExitCode;

  constructor(message: string, { remedy, exitCode = 1 }: { remedy?: string | undefined; exitCode?: ExitCode } = {}) {
    super(message);
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}

/** A command that lacks something or was given something that cannot be. */
export function wrongUsage(message: string, remedy?: string): Fault {
  return new Fault(message, { remedy, exitCode: 2 });
}
