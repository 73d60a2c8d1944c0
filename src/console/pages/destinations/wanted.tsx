/** Types that are named in a row of a list; the rest is counted. */
const NAMED = 2;

/** Which types a destination wants. */
export function Wanted({ types }: { readonly types: readonly string[] }) {
  if (types.length === 0) return <>All types</>;
  const more = types.length - NAMED;
  return (
    <span title={types.join(", ")}>
      {types.slice(0, NAMED).map((type, index) => (
        <>
          {index === 0 ? null : ", "}
          <bdi>{type}</bdi>
        </>
      ))}
      {more > 0 ? ` and ${more} more` : null}
    </span>
  );
}
