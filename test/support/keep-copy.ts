/** A receiver that keeps a copy of each resource. The document src/retry/README.md shows it as it stands here. */

interface Copy {
  readonly version: string;
  readonly isDeleted: boolean;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Body {
  readonly organization_id: string;
  readonly data: Copy["data"];
}

// The fields that name a resource, where that is not `id`. Of the last type an organization has one.
const idFields: Record<string, string> = {
  "v1/payment-links": "payment_link_id",
  "v1/consent-revocations": "client_id",
  "v1/payment-links-connections": "",
};

export function keepCopy(copies: Map<string, Copy>, headers: Headers, { organization_id, data }: Body): void {
  const version = headers.get("x-relay-resource-version");
  const type = headers.get("x-relay-event-type") ?? "";
  if (version === null || type.startsWith("registrations.")) return;
  const key = JSON.stringify([organization_id, type, data[idFields[type] ?? "id"] ?? null]);
  const known = copies.get(key);
  if (known !== undefined && known.version >= version) return;
  copies.set(key, { version, isDeleted: String(data["event"]).endsWith("deleted"), data });
}
