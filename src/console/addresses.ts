import { ROOT } from "./requests.ts";

/** The pages of the navigation. */
export const addresses = {
  overview: ROOT,
  events: `${ROOT}/events`,
  destinations: `${ROOT}/destinations`,
  organizations: `${ROOT}/organizations`,
  qonto: `${ROOT}/qonto`,
  registrations: `${ROOT}/registrations`,
  quarantine: `${ROOT}/quarantine`,
  deadLetters: `${ROOT}/dead-letters`,
  audit: `${ROOT}/audit`,
  tail: `${ROOT}/tail`,
} as const;

/** Makes the address of one thing's page. Ids that the relay did not make may hold slashes. */
function pagesUnder(address: string): (id: string) => string {
  return (id) => `${address}/${encodeURIComponent(id)}`;
}

export const eventAddress = pagesUnder(addresses.events);
export const destinationAddress = pagesUnder(addresses.destinations);
export const organizationAddress = pagesUnder(addresses.organizations);
export const registrationAddress = pagesUnder(addresses.registrations);
export const quarantinedAddress = pagesUnder(addresses.quarantine);
export const deadLetterAddress = pagesUnder(addresses.deadLetters);

/** No destination has the id `new`: ids begin with `dst_`. */
export const newDestinationAddress = destinationAddress("new");

export function destinationActionAddress(
  id: string,
  action: "test" | "pause" | "resume" | "rotate" | "edit" | "delete" | "replay",
): string {
  return `${destinationAddress(id)}/${action}`;
}

export function resourcesAddress(organizationId: string): string {
  return `${organizationAddress(organizationId)}/resources`;
}

/** A type without ids has one resource in each organization; its id is empty. */
export function resourceAddress(organizationId: string, type: string, resourceId: string): string {
  const query = new URLSearchParams({ type, id: resourceId });
  return `${organizationAddress(organizationId)}/resource?${query.toString()}`;
}

/** Qonto leads the browser back to it. Together with the relay's origin it is the redirect URI, which is registered there. */
export const callbackAddress = `${addresses.qonto}/callback`;

export const connectAddress = `${addresses.qonto}/connect`;

export function connectionActionAddress(id: string, action: "reconcile" | "disconnect"): string {
  return `${addresses.qonto}/${encodeURIComponent(id)}/${action}`;
}
