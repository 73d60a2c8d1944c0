interface AmountProps {
  /** As the bank wrote it, digit by digit: a text, or a number that was parsed losslessly. */
  readonly value: unknown;
  readonly currency?: unknown;
}

export function Amount({ value, currency }: AmountProps) {
  const digits = typeof value === "string" ? value : JSON.stringify(value ?? null);
  return (
    <span class="amount">
      <bdi>{digits}</bdi>
      {typeof currency === "string" ? (
        <>
          {" "}
          <bdi class="currency">{currency}</bdi>
        </>
      ) : null}
    </span>
  );
}
