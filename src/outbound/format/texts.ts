import type { Destination } from "../../domain/destination.ts";
import type { RelayEvent } from "../../domain/event.ts";
import type { Format } from "../../domain/format.ts";
import { CLOUDEVENTS_TYPE, toCloudEvent } from "./cloudevents.ts";
import { messageOf } from "./message.ts";
import { toSlack } from "./slack.ts";
import { toTeams } from "./teams.ts";
import { renderTemplate } from "./template.ts";

const JSON_TYPE = "application/json; charset=utf-8";

interface TextOptions extends Pick<Destination, "template" | "relayUrl"> {
  readonly format: Exclude<Format, "qonto">;
}

/** An event in a format that the relay writes itself. Throws TemplateFault. */
export function renderText(event: RelayEvent, { format, template, relayUrl }: TextOptions) {
  switch (format) {
    case "cloudevents":
      return { contentType: CLOUDEVENTS_TYPE, text: toCloudEvent(event) };
    case "slack":
      return { contentType: JSON_TYPE, text: toSlack(messageOf(event, relayUrl)) };
    case "teams":
      return { contentType: JSON_TYPE, text: toTeams(messageOf(event, relayUrl)) };
    case "template":
      return { contentType: JSON_TYPE, text: renderTemplate(template ?? "", event, relayUrl) };
  }
}
