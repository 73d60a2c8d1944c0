/** Masked until somebody asks for it. */
export function Iban({ iban }: { readonly iban: string }) {
  return (
    <details class="iban">
      <summary aria-label={`${maskIban(iban)}, show the whole IBAN`}>{maskIban(iban)}</summary>
      <bdi>{iban}</bdi>
    </details>
  );
}

/** `FR76 •••• 0123`. */
function maskIban(iban: string): string {
  const plain = iban.replaceAll(/\s/g, "");
  return plain.length > 12 ? `${plain.slice(0, 4)} •••• ${plain.slice(-4)}` : "••••";
}

const candidate = /\b[A-Z]{2}\d{2}(?:[ \u00a0]?[A-Z0-9]){11,30}\b/g;

/** The same text with every IBAN in it masked. */
export function maskIbansIn(text: string): string {
  return text.replaceAll(candidate, (found) => (hasRightChecksum(found) ? maskIban(found) : found));
}

/** ISO 13616: what is written like an IBAN, an id for instance, is rarely one. */
function hasRightChecksum(text: string): boolean {
  const plain = text.replaceAll(/[ \u00a0]/g, "");
  const digits = (plain.slice(4) + plain.slice(0, 4)).replaceAll(/[A-Z]/g, (letter) =>
    String(letter.charCodeAt(0) - 55),
  );
  return BigInt(digits) % 97n === 1n;
}
