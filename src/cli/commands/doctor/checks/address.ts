import ipaddr from "ipaddr.js";
import { type Finding, type Result, judged } from "../finding.ts";
import type { Patient } from "../patient.ts";
import { WEBHOOK_PATH } from "../../../webhook-path.ts";
import type { Target } from "../target.ts";

export type Addresses = { readonly found: readonly string[] } | { readonly code: string };

/** Qonto must be able to call it: over https, at an address that the internet knows. */
export async function examineAddress(patient: Patient): Promise<Result> {
  return judgeAddress(patient.circumstances.target, await patient.addresses());
}

export function judgeAddress(target: Target, addresses: Addresses): Result {
  const findings = [...judgePath(target), ...judgeScheme(target), ...judgeAddresses(target, addresses)];
  const shown = "found" in addresses ? addresses.found.join(", ") : "";
  return judged(
    findings,
    `${target.webhookUrl} is at ${shown}.`,
    target.isLocal ? ["It is on this machine: right to try things out, but Qonto cannot reach it."] : [],
  );
}

function judgePath({ strangePath, webhookUrl }: Target): Finding[] {
  if (strangePath === null) return [];
  return [
    {
      fault: "url_path_wrong",
      what: `The relay takes webhooks at ${WEBHOOK_PATH}, and nowhere else.`,
      seen: `The path of --url is ${strangePath}; the doctor goes on with ${webhookUrl}.`,
      remedy: "If a subscription has that address as well, update it.",
      commands: ["npm run qonto -- subscriptions list"],
    },
  ];
}

function judgeScheme({ isHttps, isLocal, origin }: Target): Finding[] {
  if (isHttps || isLocal) return [];
  return [
    {
      fault: "url_not_https",
      what: "Qonto calls https alone.",
      seen: `The address is ${origin}.`,
      remedy: "Give the address with https://; a Worker has it by itself.",
    },
  ];
}

function judgeAddresses({ host, isLocal }: Target, addresses: Addresses): Finding[] {
  if ("code" in addresses) {
    return addresses.code === "ENOTFOUND"
      ? [
          {
            fault: "host_unknown",
            what: `There is no host of the name ${host}.`,
            seen: "Looking the name up ended with ENOTFOUND.",
            remedy: "Look for a misprint, and whether the domain's DNS record or the Worker's route still exists.",
          },
        ]
      : [
          {
            fault: "host_lookup_failed",
            what: `The name ${host} cannot be looked up from here.`,
            seen: `Looking it up ended with ${addresses.code}.`,
            remedy: "Look at this machine's connection and at the domain's name servers.",
          },
        ];
  }
  const hidden = addresses.found.filter((address) => !isPublic(address));
  if (isLocal || hidden.length === 0) return [];
  return [
    {
      fault: "address_private",
      what: "The host leads into a private network, where Qonto cannot reach it.",
      seen: `${host} is at ${hidden.join(", ")}.`,
      remedy: "Give the host a public address, or a tunnel to it, and subscribe with that.",
    },
  ];
}

export function isPublic(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "unicast";
}
