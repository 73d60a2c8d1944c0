import type { Message } from "./message.ts";

/**
 * An Adaptive Card, as a webhook of Teams' Workflows takes it. Text runs have no Markdown, so that nothing in an event is markup
 * there.
 */
export function toTeams({ sentence, facts, link }: Message): string {
  const content = {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    type: "AdaptiveCard",
    version: "1.4",
    fallbackText: sentence,
    body: [
      paragraph({ text: sentence, weight: "Bolder" }),
      ...facts.map(({ name, value }) => paragraph({ text: `${name}: ${value}`, isSubtle: true, size: "Small" })),
    ],
    ...(link === null ? {} : { actions: [{ type: "Action.OpenUrl", title: "Open in the console", url: link }] }),
  };
  return JSON.stringify({
    type: "message",
    attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", contentUrl: null, content }],
  });
}

function paragraph(run: { readonly text: string; readonly [style: string]: string | boolean }) {
  return { type: "RichTextBlock", inlines: [{ type: "TextRun", ...run }] };
}
