import { Fault } from "../../../fault.ts";
import type { Destination } from "../../destinations/destination.ts";
import { type Subscription, businessTypes } from "../../subscriptions/subscription.ts";
import { type Result, judged, skipped } from "../finding.ts";
import { CannotExamine, type Patient } from "../patient.ts";
import { leadsTo } from "./subscription.ts";

/** What the destinations wait for must be subscribed to: each subscription sends the types it names, and no other. */
export async function examineTypes(patient: Patient): Promise<Result> {
  const { target, isSandbox, qonto } = patient.circumstances;
  if (!("thing" in qonto)) return skipped("There is no access to Qonto's API: see `subscription`.");
  const subscriptions = await patient.subscriptions().catch((error: unknown) => {
    if (error instanceof Fault)
      throw new CannotExamine(skipped("Qonto does not tell its subscriptions: see `subscription`."));
    throw error;
  });
  const here = subscriptions.filter((subscription) => leadsTo(subscription, target));
  if (here.length === 0) return skipped("There is no subscription to this address: see `subscription`.");
  return judgeTypes(here, await patient.destinations(), isSandbox);
}

/** A destination that takes all takes what there is; a pattern wants at least one of what it fits. */
export function judgeTypes(
  here: readonly Subscription[],
  destinations: readonly Destination[],
  isSandbox: boolean,
): Result {
  const subscribed = [...new Set(here.flatMap(({ types }) => types))];
  const wanted = Map.groupBy(
    destinations.flatMap((one) => one.types.map((type) => ({ type, destination: one.description || one.url }))),
    ({ type }) => type,
  );
  const lacking = [...wanted].filter(([type]) => isOfBusiness(type) && !subscribed.some((one) => fits(type, one)));
  const types = lacking.map(([type]) => type);
  const wantedBy = [...new Set(lacking.flatMap(([, wishes]) => wishes.map(({ destination }) => destination)))];
  const id = here[0]?.id ?? "<id>";
  const all = [...subscribed, ...types.filter((type) => !type.endsWith("*"))].join(",");
  return judged(
    lacking.length === 0
      ? []
      : [
          {
            fault: "type_not_subscribed",
            what: `Destinations wait for events that Qonto is not asked for: ${types.join(", ")}.`,
            seen: `Wanted by ${wantedBy.join(", ")}; subscribed are ${subscribed.join(", ")}.`,
            remedy: "Subscribe to them too; the token needs the scope of each type.",
            commands: [`npm run qonto -- subscriptions update ${id} --types ${all}${isSandbox ? " --sandbox" : ""}`],
          },
        ],
    `Subscribed to all that destinations name: ${subscribed.join(", ")}.`,
    notesOn(subscribed, destinations),
  );
}

function notesOn(subscribed: readonly string[], destinations: readonly Destination[]): string[] {
  if (destinations.length === 0) return ["There is no destination yet: events are kept, and go nowhere."];
  const unwanted = subscribed.filter(
    (type) => !destinations.some(({ types }) => types.length === 0 || types.some((pattern) => fits(pattern, type))),
  );
  const known = businessTypes.filter((type) => !subscribed.includes(type));
  const takesAll = destinations.some(({ types }) => types.length === 0);
  return [
    ...(unwanted.length === 0 ? [] : [`Subscribed, and wanted by no destination: ${unwanted.join(", ")}.`]),
    ...(takesAll && known.length > 0 ? [`A destination takes all types; not subscribed are ${known.join(", ")}.`] : []),
  ];
}

function isOfBusiness(pattern: string): boolean {
  return pattern.startsWith("v1/");
}

function fits(pattern: string, type: string): boolean {
  return pattern.endsWith("*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
