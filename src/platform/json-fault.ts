const TOKEN =
  /[ \t\n\r]*(?:(?<mark>[{}[\],:])|(?<text>"[\x20\x21\x23-\x5b\x5d-\uffff]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[\x20\x21\x23-\x5b\x5d-\uffff]*)*")|(?<word>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y;

const BLANKS = /[ \t\n\r]*/y;

/** What may follow a token. */
type Expected = "value" | "value or ]" | "key or }" | "key" | ":" | ", or end";

/**
 * Where a text stops being JSON, as an index into it; null when it is JSON. Runtimes word the errors of `JSON.parse` each in its own
 * way, and do not always name the place.
 */
export function jsonFaultAt(text: string): number | null {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  let at = 0;
  while (!(expected === ", or end" && open.length === 0)) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(text)?.groups;
    const next: Expected | null = groups === undefined ? null : follow(groups, expected, open);
    if (next === null) return afterBlanks(text, at);
    expected = next;
    at = TOKEN.lastIndex;
  }
  const end = afterBlanks(text, at);
  return end === text.length ? null : end;
}

/** What is expected after a token; null when the token is not what was expected. */
function follow(
  { mark, text, word }: Readonly<Record<string, string | undefined>>,
  expected: Expected,
  open: ("{" | "[")[],
): Expected | null {
  const takesValue = expected === "value" || expected === "value or ]";
  if (word !== undefined) return takesValue ? ", or end" : null;
  if (text !== undefined) {
    if (expected === "key" || expected === "key or }") return ":";
    return takesValue ? ", or end" : null;
  }
  switch (mark) {
    case "{":
    case "[":
      if (!takesValue) return null;
      open.push(mark);
      return mark === "{" ? "key or }" : "value or ]";
    case "}":
      return (expected === "key or }" || expected === ", or end") && open.pop() === "{" ? ", or end" : null;
    case "]":
      return (expected === "value or ]" || expected === ", or end") && open.pop() === "[" ? ", or end" : null;
    case ":":
      return expected === ":" ? "value" : null;
    case ",":
      if (expected !== ", or end") return null;
      return open.at(-1) === "{" ? "key" : "value";
    default:
      return null;
  }
}

function afterBlanks(text: string, at: number): number {
  BLANKS.lastIndex = at;
  BLANKS.exec(text);
  return BLANKS.lastIndex;
}
