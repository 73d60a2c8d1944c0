/** A call of the operator's API, for the shell. */
export function operatorCall(method: string, url: string): string {
  return `curl -X ${method} -H "Authorization: Bearer $ADMIN_TOKEN" ${url}`;
}
