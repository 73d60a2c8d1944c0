/** An error of the Business API: flat, as it answers them. */
export function flatError(
  status: number,
  code: string,
  detail: string,
  source?: { readonly pointer: string } | { readonly parameter: string },
): Response {
  return Response.json({ code, detail, ...(source === undefined ? {} : { source }) }, { status });
}

/** An error as the other endpoints answer them. */
export function listedError(status: number, code: string, detail: string): Response {
  return Response.json({ errors: [{ code, detail }] }, { status });
}
