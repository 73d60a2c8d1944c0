/** `FR76 •••• 0123`. */
export function maskIban(iban: string): string {
  const plain = iban.replaceAll(/\s/g, "");
  return plain.length > 12 ? `${plain.slice(0, 4)} •••• ${plain.slice(-4)}` : "••••";
}

const candidate = /\b[A-Z]{2}\d{2}(?:[ \u00a0]?[A-Z0-9]){11,30}\b/;
const SHORTEST_IBAN = 15;

/** Masks every IBAN in a text. The words that follow one may look like a part of it: the longest that is valid counts. */
export function maskIbansIn(text: string): string {
  let masked = "";
  let rest = text;
  for (let found = candidate.exec(rest); found !== null; found = candidate.exec(rest)) {
    const words = found[0].split(/(?=[ \u00a0])/);
    const [first = ""] = words;
    const iban = words.map((_, index) => words.slice(0, words.length - index).join("")).find(isIban);
    const end = found.index + (iban ?? first).length;
    masked += rest.slice(0, found.index) + (iban === undefined ? first : maskIban(iban));
    rest = rest.slice(end);
  }
  return masked + rest;
}

function isIban(text: string): boolean {
  return text.length >= SHORTEST_IBAN && hasRightChecksum(text);
}

/** The checksum of ISO 13616 tells an IBAN from an id that looks like one. */
function hasRightChecksum(text: string): boolean {
  const plain = text.replaceAll(/[ \u00a0]/g, "");
  const digits = (plain.slice(4) + plain.slice(0, 4)).replaceAll(/[A-Z]/g, (letter) =>
    String(letter.charCodeAt(0) - 55),
  );
  return BigInt(digits) % 97n === 1n;
}
