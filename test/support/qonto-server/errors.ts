/** Thrown in place of an answer when the connection is cut. A caller in the same process gets the error that `fetch` rejects with. */
export class ConnectionCut extends TypeError {
  constructor() {
    super("fetch failed");
  }
}

/** An error of the Business API: flat, as it answers them. */
export function flatError(
  status: number,
  code: string,
  detail: string,
  source?: { readonly pointer: string } | { readonly parameter: string },
): Response {
  return Response.json({ code, detail, ...(source === undefined ? {} : { source }) }, { status });
}

export function missingScope(scope: string): Response {
  return flatError(403, "forbidden", `missing required oauth scope: ${scope}`);
}

/** An error as the other endpoints answer them. */
export function listedError(status: number, code: string, detail: string): Response {
  return Response.json({ errors: [{ code, detail }] }, { status });
}

/** An error of the token endpoint, as RFC 6749 has it. */
export function oauthError(status: number, error: string, description: string): Response {
  const headers = { "cache-control": "no-store", pragma: "no-cache" };
  return Response.json({ error, error_description: description }, { status, headers });
}
