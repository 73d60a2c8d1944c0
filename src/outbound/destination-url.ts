import ipaddr from "ipaddr.js";

/** Names that never lead to the public internet (RFC 6761, 6762, 7686, 8375), and what clouds and routers add to them. */
const privateSuffixes = [
  "localhost",
  "localdomain",
  "local",
  "internal",
  "intranet",
  "private",
  "corp",
  "home",
  "lan",
  "home.arpa",
  "onion",
  "test",
  "invalid",
];

const LONGEST_URL = 2_048;

/**
 * A URL as it is kept, or why it may not be a destination's. Blanks around it, as from copying, are cut. All else that the URL
 * parser or the request would silently drop is refused.
 */
export function readDestinationUrl(
  text: string,
  allowed: { readonly allowPrivate: boolean },
): { readonly url: string; readonly fault: null } | { readonly url: null; readonly fault: string } {
  const trimmed = text.trim();
  const fault = spellingFault(trimmed) ?? destinationUrlFault(trimmed, allowed);
  if (fault !== null) return { url: null, fault };
  const url = new URL(trimmed).href;
  if (url.length > LONGEST_URL) return { url: null, fault: `must have at most ${LONGEST_URL} characters, encoded` };
  return { url, fault: null };
}

function spellingFault(text: string): string | null {
  if (/[\s\p{Cc}]/u.test(text)) return "must not hold blanks or line breaks";
  return text.includes("#") ? "must not have a fragment (#…): it is never sent" : null;
}

/**
 * Why a URL may not be a destination's; null when it may. The URL parser turns every spelling of an IPv4 address (decimal,
 * octal, hexadecimal, shortened, full-width digits) into the dotted one.
 */
export function destinationUrlFault(text: string, { allowPrivate }: { allowPrivate: boolean }): string | null {
  const url = URL.parse(text);
  if (url === null) return "must be a URL";
  if (url.protocol !== "https:" && !(allowPrivate && url.protocol === "http:")) return "must start with https://";
  if (url.username !== "" || url.password !== "") return "must not hold credentials";
  if (url.port === "0") return "must not have the port 0";
  if (!allowPrivate && !isPublicHost(url.hostname)) return "must lead to a public host";
  return null;
}

function isPublicHost(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.+$/, "");
  if (ipaddr.isValid(host)) return isPublicAddress(host);
  return host.includes(".") && !privateSuffixes.some((suffix) => host === suffix || host.endsWith(`.${suffix}`));
}

/** All of IPv6 that is assigned to public hosts: without the old IPv4-compatible `::127.0.0.1`, for example. */
const globalUnicast = ipaddr.parseCIDR("2000::/3");

/** Every special range is refused, those included that embed an IPv4 address (mapped, 6to4, NAT64, …). */
function isPublicAddress(host: string): boolean {
  const address = ipaddr.parse(host);
  return address.range() === "unicast" && (address.kind() === "ipv4" || address.match(globalUnicast));
}
