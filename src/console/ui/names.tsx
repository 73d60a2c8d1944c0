interface NamesProps {
  readonly names: readonly string[];
  /** More than these are counted. */
  readonly most: number;
}

/** `v1/cards, v1/clients and 3 more`. */
export function Names({ names, most }: NamesProps) {
  return (
    <span title={names.length > most ? names.join(", ") : undefined}>
      {names.slice(0, most).map((name, index) => (
        <>
          {index === 0 ? null : ", "}
          <bdi class="mono">{name}</bdi>
        </>
      ))}
      {names.length > most ? ` and ${names.length - most} more` : null}
    </span>
  );
}
