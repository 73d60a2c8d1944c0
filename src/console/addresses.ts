import { ROOT } from "./requests.ts";

/** The pages of the navigation. */
export const addresses = {
  overview: ROOT,
  events: `${ROOT}/events`,
  destinations: `${ROOT}/destinations`,
  organizations: `${ROOT}/organizations`,
  registrations: `${ROOT}/registrations`,
  quarantine: `${ROOT}/quarantine`,
  deadLetters: `${ROOT}/dead-letters`,
  audit: `${ROOT}/audit`,
  tail: `${ROOT}/tail`,
} as const;

// An id is a text of others and may hold slashes.

export function eventAddress(id: string): string {
  return `${addresses.events}/${encodeURIComponent(id)}`;
}

export function destinationAddress(id: string): string {
  return `${addresses.destinations}/${encodeURIComponent(id)}`;
}

/** No id is like it: they begin with `dst_`. */
export const newDestinationAddress = `${addresses.destinations}/new`;

export function destinationActionAddress(
  id: string,
  action: "test" | "pause" | "resume" | "rotate" | "edit" | "delete" | "replay",
): string {
  return `${destinationAddress(id)}/${action}`;
}

export function organizationAddress(id: string): string {
  return `${addresses.organizations}/${encodeURIComponent(id)}`;
}

export function resourcesAddress(organizationId: string): string {
  return `${organizationAddress(organizationId)}/resources`;
}

/** A type without ids has one resource in each organization, with the id ''. */
export function resourceAddress(organizationId: string, type: string, resourceId: string): string {
  const query = new URLSearchParams({ type, id: resourceId });
  return `${organizationAddress(organizationId)}/resource?${query.toString()}`;
}

export function registrationAddress(id: string): string {
  return `${addresses.registrations}/${encodeURIComponent(id)}`;
}

export function quarantinedAddress(id: string): string {
  return `${addresses.quarantine}/${encodeURIComponent(id)}`;
}

export function deadLetterAddress(id: string): string {
  return `${addresses.deadLetters}/${encodeURIComponent(id)}`;
}
