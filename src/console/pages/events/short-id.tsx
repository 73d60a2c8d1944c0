const LONGEST = 18;
const KEPT = 8;

/** An id of others, cut when it is long; the whole is under it. */
export function ShortId({ id }: { readonly id: string }) {
  return (
    <bdi class="mono short-id" title={id}>
      {id.length > LONGEST ? `${id.slice(0, KEPT)}…` : id}
    </bdi>
  );
}
