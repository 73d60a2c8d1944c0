import { addresses, destinationActionAddress, destinationAddress } from "./addresses.ts";
import { ROOT } from "./requests.ts";

/** To look at a page, or to send a form. */
type Use = "look" | "change";

/** A page reads an event as the API does, which shows and replays to a destination what is its own. */
const eventPages: Readonly<Record<Use, RegExp>> = {
  look: new RegExp(`^${addresses.events}/[^/]+$`),
  change: new RegExp(`^${addresses.events}/[^/]+/replay-to-destination$`),
};

/**
 * Whether the token of a destination opens a path of the console. Every other path is closed to it, so that a new page is until it
 * stands here.
 */
export function opensPath(ownId: string, use: Use, path: string): boolean {
  const actions = (["test", "rotate", "replay"] as const).map((action) => destinationActionAddress(ownId, action));
  const [extra, ofEvents] =
    use === "look" ? [destinationAddress(ownId), eventPages.look] : [`${ROOT}/logout`, eventPages.change];
  return [...actions, extra].includes(path) || ofEvents.test(path);
}

/** Whether a page offers a link or a form: not when the console refuses it to a viewer who sees that destination alone. */
export function isOffered(ownId: string | null, use: Use, address: string): boolean {
  const [path = ""] = address.split(/[?#]/);
  const isOfConsole = path === ROOT || path.startsWith(`${ROOT}/`);
  return ownId === null || !isOfConsole || opensPath(ownId, use, path);
}
