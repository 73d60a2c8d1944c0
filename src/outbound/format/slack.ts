import type { Message } from "./message.ts";

/** An incoming webhook's message. `text` is what a notification shows. */
export function toSlack({ sentence, facts, link }: Message): string {
  const about = facts.map(({ name, value }) => `${name}: ${escape(value)}`);
  const open = link === null ? [] : [`<${link}|Open in the console>`];
  return JSON.stringify({
    text: escape(sentence),
    blocks: [
      { type: "section", text: markup(escape(sentence)) },
      { type: "context", elements: [markup([...about, ...open].join("  ·  "))] },
    ],
  });
}

/** `verbatim`: Slack makes no links and no mentions of plain text. */
function markup(text: string) {
  return { type: "mrkdwn", text, verbatim: true };
}

/** Slack's three escapes. They also disarm `<!channel>`; a bare `@channel` is kept apart from its sign. */
function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll(/@(?=channel|everyone|here)/gi, "@\u200b");
}
