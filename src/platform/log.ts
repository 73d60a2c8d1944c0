type Field = string | number | boolean | null | undefined | readonly string[] | { readonly [name: string]: Field };

/** Fields of one wide log line. Never a body, a secret or a signature. */
export type Fields = Readonly<Record<string, Field>>;

/**
 * One line for each unit of work, written at its end. `unit` is the stage; the field `message` says what happened, as
 * `noun.verb_past`. The runtime indexes the fields.
 */
export function logLine(unit: string, fields: Fields): void {
  console.log({ unit, ...present(fields) });
}

/** The same for work that failed by an error of the relay. */
export function logFailure(unit: string, error: unknown, fields: Fields = {}): void {
  console.error({ unit, ...present(fields), error: describe(error) });
}

function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
