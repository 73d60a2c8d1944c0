/** A refusal as the wire shows it: RFC 9457, with a stable `code`. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** `code` says all that a `type` could: there is no page to read about it. */
export function problemBody(problem: Problem) {
  return { type: "about:blank", ...problem };
}

export function problemResponse(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(problemBody(problem)), {
    status: problem.status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}

/** Thrown by a handler; the app turns it into its response. */
export class ProblemError extends Error {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;

  constructor(problem: Problem, headers: Readonly<Record<string, string>> = {}) {
    super(problem.code);
    this.name = "ProblemError";
    this.problem = problem;
    this.headers = headers;
  }
}
