/** An id as far as it is needed to tell it from others; the whole is under it. */
export function ShortId({ id }: { readonly id: string }) {
  return (
    <code class="short-id" title={id}>
      <bdi>{shortened(id)}</bdi>
    </code>
  );
}

const LONGEST = 20;

function shortened(id: string): string {
  const characters = Array.from(id.slice(0, 400));
  if (id.length <= 400 && characters.length <= LONGEST) return id;
  const end = Array.from(id.slice(-12)).slice(-4);
  return `${characters.slice(0, 8).join("")}…${end.join("")}`;
}
