/** Shorter ones are shown whole. */
const LONGEST = 18;
/** The first group of a UUID. */
const FIRST = 8;

/** An id as far as an eye tells it from others; the whole is under it. */
export function ShortId({ id }: { readonly id: string }) {
  const characters = Array.from(id);
  return (
    <bdi class="mono short-id" title={id}>
      {characters.length > LONGEST ? `${characters.slice(0, FIRST).join("")}…` : id}
    </bdi>
  );
}
