/** Answers in the envelope of Cloudflare's API. */
export function success(result: unknown, more: object = {}): Response {
  return Response.json({ success: true, errors: [], messages: [], result, ...more });
}

export function failure(status: number, code: number, message: string, headers: Record<string, string> = {}): Response {
  const errors = [{ code, message }];
  return Response.json({ success: false, errors, messages: [], result: null }, { status, headers });
}

/** A refusal from wherever it is found out. */
export class Refusal extends Error {
  readonly response: Response;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.response = failure(status, code, message);
  }
}

export const notFound = {
  queue: () => new Refusal(404, 11000, "Queue does not exist."),
  consumer: () => new Refusal(404, 11003, "Consumer does not exist."),
  database: (idOrName: string) => new Refusal(404, 7404, `The database ${idOrName} could not be found`),
  worker: () => new Refusal(404, 10007, "This Worker does not exist on your account."),
};
