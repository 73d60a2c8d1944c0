/** What a fault means and what to do. `{name}` is replaced by a value of the finding, or of the address that is examined. */
export interface FaultText {
  readonly means: string;
  readonly remedy: string;
  /** To be copied. One whose value is a list is given for each of its items. */
  readonly commands?: readonly string[];
}
