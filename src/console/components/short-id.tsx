const FIRST_CHARACTERS = 10;

/** An id as far as an eye tells it from others; the whole is under it. */
export function ShortId({ id }: { readonly id: string }) {
  const characters = Array.from(id);
  const isLong = characters.length > FIRST_CHARACTERS + 2;
  return (
    <bdi class="mono brief-id" title={id}>
      {isLong ? `${characters.slice(0, FIRST_CHARACTERS).join("")}…` : id}
    </bdi>
  );
}
