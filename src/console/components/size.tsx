/** `1.1 KB` of 1,000 bytes each; the exact number is under it. */
export function Size({ bytes }: { readonly bytes: number }) {
  return (
    <span class="size-in-words" title={`${inBytes.format(bytes)} bytes`}>
      {sizeInWords(bytes)}
    </span>
  );
}

const inBytes = new Intl.NumberFormat("en");
const inTenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

function sizeInWords(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${inTenths.format(bytes / 1_000)} KB` : `${inTenths.format(bytes / 1_000_000)} MB`;
}
