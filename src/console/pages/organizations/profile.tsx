import type { Child } from "hono/jsx";
import { isObject } from "../../../platform/json.ts";
import { readId } from "../../../qonto/envelope.ts";
import { resourceAddress } from "../../addresses.ts";
import { Amount, TimeOfText, maskIbansIn } from "../../ui/values.tsx";
import { EmptyState } from "../../ui/table.tsx";
import { readMoney } from "./money.ts";

interface ProfileProps {
  readonly organizationId: string;
  /** Null before the first event of `v1/organizations`. */
  readonly profile: Readonly<Record<string, unknown>> | null;
  readonly asOf: string | null;
}

type Kind = "text" | "money" | "day" | "time";

const fields: readonly { readonly name: string; readonly label: string; readonly kind?: Kind }[] = [
  { name: "legal_name", label: "Legal name" },
  { name: "trade_name", label: "Trade name" },
  { name: "status", label: "Status" },
  { name: "legal_form", label: "Legal form" },
  { name: "legal_number", label: "Legal number" },
  { name: "legal_registration_date", label: "Registered", kind: "day" },
  { name: "legal_share_capital", label: "Share capital", kind: "money" },
  { name: "legal_sector", label: "Sector" },
  { name: "legal_country", label: "Country" },
  { name: "legal_address", label: "Address" },
  { name: "address", label: "Address" },
  { name: "locale", label: "Language" },
  { name: "contract_signed_at", label: "Contract signed", kind: "time" },
];

/** Who the company is, as the bank has it. */
export function Profile({ organizationId, profile, asOf }: ProfileProps) {
  const known = fields.flatMap(({ name, label, kind = "text" }) => {
    const shown = showField(profile?.[name], kind);
    return shown === null ? [] : [{ label, shown }];
  });
  return (
    <section aria-labelledby="profile">
      <h2 id="profile">Profile</h2>
      {known.length === 0 ? (
        <EmptyState title="The bank has not said yet who this is.">
          <p>
            The profile comes with the first event of <code>v1/organizations</code>;{" "}
            <code>npm run qonto -- reconcile</code> asks for it.
          </p>
        </EmptyState>
      ) : (
        <>
          <dl class="known-facts">
            {known.map(({ label, shown }) => (
              <div>
                <dt>{label}</dt>
                <dd>{shown}</dd>
              </div>
            ))}
          </dl>
          <p class="help">
            {asOf === null ? null : (
              <>
                As of <TimeOfText text={asOf} />.{" "}
              </>
            )}
            <a href={resourceAddress(organizationId, "v1/organizations", idOf(profile, organizationId))}>
              All of it, and what changed it
            </a>
          </p>
        </>
      )}
    </section>
  );
}

/** The resource's id is the one in its data, if it has one. */
function idOf(profile: ProfileProps["profile"], organizationId: string): string {
  return readId(profile?.["id"]) ?? organizationId;
}

const LONGEST = 300;

function showField(json: unknown, kind: Kind): Child | null {
  const money = kind === "money" ? readMoney(json) : null;
  if (money !== null) return <Amount value={money.value} currency={money.currency} />;
  const text = textOf(json).trim();
  if (text === "") return null;
  if (kind === "day" || kind === "time") return <TimeOfText text={text} show={kind === "day" ? "day" : "instant"} />;
  return <bdi>{maskIbansIn(text)}</bdi>;
}

/** An address may be an object: its lines one after the other. */
function textOf(json: unknown): string {
  if (typeof json === "string") return json.slice(0, LONGEST);
  if (typeof json === "number") return String(json);
  if (!isObject(json)) return "";
  return Object.values(json)
    .filter((value) => typeof value === "string" && value !== "")
    .join(", ")
    .slice(0, LONGEST);
}
