/** A text with some Markdown: `code`, and links. */
export function Marked({ text }: { readonly text: string }) {
  const parts = text.split(/(`[^`]+`|\[[^\]]+\]\([^)]+\))/);
  return <>{parts.map((part) => asLink(part) ?? asCode(part) ?? part)}</>;
}

function asLink(part: string) {
  const [, text, href] = /^\[(.+)\]\((.+)\)$/.exec(part) ?? [];
  return text === undefined ? null : <a href={href}>{text}</a>;
}

function asCode(part: string) {
  return /^`.+`$/.test(part) ? <code>{part.slice(1, -1)}</code> : null;
}
