/** `FR76 •••• 0123`. */
export function maskIban(iban: string): string {
  const plain = iban.replaceAll(/\s/g, "");
  return plain.length > 12 ? `${plain.slice(0, 4)} •••• ${plain.slice(-4)}` : "••••";
}

const candidate = /\b[A-Z]{2}\d{2}(?:[ \u00a0]?[A-Z0-9]){11,30}\b/g;

/** Masks every IBAN in a text. */
export function maskIbansIn(text: string): string {
  return text.replaceAll(candidate, (found) => (hasRightChecksum(found) ? maskIban(found) : found));
}

/** The checksum of ISO 13616 tells an IBAN from an id that looks like one. */
function hasRightChecksum(text: string): boolean {
  const plain = text.replaceAll(/[ \u00a0]/g, "");
  const digits = (plain.slice(4) + plain.slice(0, 4)).replaceAll(/[A-Z]/g, (letter) =>
    String(letter.charCodeAt(0) - 55),
  );
  return BigInt(digits) % 97n === 1n;
}
