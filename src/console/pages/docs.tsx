import go from "../assets/snippets/go.txt";
import node from "../assets/snippets/node.txt";
import php from "../assets/snippets/php.txt";
import python from "../assets/snippets/python.txt";
import ruby from "../assets/snippets/ruby.txt";
import { deliveryHeaders, ownHeaders } from "../../outbound/delivery-contract.ts";
import { eventTypes } from "../../qonto/event-types.ts";
import { DOCS } from "../requests.ts";
import { CopyButton } from "../ui/form.tsx";
import { scheduleInWords } from "../ui/destination.tsx";
import { Head, Section } from "../ui/layout.tsx";
import { Marked } from "../ui/marked.tsx";
import { Facts } from "../ui/values.tsx";

/** The public page: what a destination receives, and what its answers mean. It is the same for everyone. */
export function Docs() {
  return (
    <html lang="en">
      <Head title="For receivers" assets={DOCS} />
      <body>
        <main>
          <h1>For receivers</h1>
          <p class="lead">
            This relay receives Qonto's webhooks and delivers them to your URL. This page says what arrives there, and
            what your answer means.
          </p>
          <InShort />
          <Headers />
          <Snippets />
          <EventTypes />
          <Answers />
          <Order />
          <Replay />
        </main>
      </body>
    </html>
  );
}

function InShort() {
  return (
    <Section id="short" title="In short">
      <Facts
        facts={{
          Receive: (
            <>
              Each event is a <code>POST</code> to your URL. Its body is Qonto's, byte for byte, unless the operator has
              set another format: CloudEvents, a message for Slack or Teams, or a template.
            </>
          ),
          Verify: "Check the signature on the raw body, before you parse it.",
          Answer:
            "Answer with any 2xx as soon as you have stored the event, and process it afterwards. You have 10 seconds, unless the operator has set another timeout.",
          Deduplicate: (
            <>
              An event can arrive more than once. Its <code>webhook-id</code> stays the same.
            </>
          ),
        }}
      />
    </Section>
  );
}

function Headers() {
  return (
    <Section id="headers" title="Headers">
      <Facts
        facts={{
          "content-type": (
            <>
              As Qonto sent it, and <code>content-encoding</code> too. A type that is more than visible ASCII becomes{" "}
              <code>application/octet-stream</code>, and such an encoding is left out. Another format has its own type
              and no encoding.
            </>
          ),
          ...Object.fromEntries(
            Object.entries(deliveryHeaders).map(([name, { description }]) => [name, <Marked text={description} />]),
          ),
          "your own": <Marked text={ownHeaders} />,
        }}
      />
      <p class="help">
        The secret begins with <code>whsec_</code>. The operator sees it once, when the destination is created or its
        secret is rotated. A Standard Webhooks library takes the whole secret; by hand, the key is the base64 part after
        the prefix, decoded.
      </p>
    </Section>
  );
}

function EventTypes() {
  return (
    <Section id="event-types" title="Event types">
      <p class="help">
        <a href="/api/event-types">/api/event-types</a> has a JSON Schema and an example of each, and{" "}
        <a href="/openapi.json">/openapi.json</a> describes them as webhooks, for a generator of types:
      </p>
      <pre tabindex={0} aria-label="Types for TypeScript" role="region">
        <code>npx openapi-typescript https://YOUR-RELAY/openapi.json -o relay.d.ts</code>
      </pre>
      <p class="help">
        Take an event of a type that you do not know, and a field too: answer 2xx and ignore it. Qonto adds both. These
        are the bodies as Qonto sends them; a CloudEvent has the whole body in <code>data</code>.
      </p>
      {eventTypes.map(({ type, description, example }) => (
        <details>
          <summary>
            <code>{type}</code> {description}
          </summary>
          <pre tabindex={0} aria-label={`Example of ${type}`} role="region">
            <code>{JSON.stringify(example, null, 2)}</code>
          </pre>
        </details>
      ))}
    </Section>
  );
}

function Answers() {
  return (
    <Section id="answers" title="Answers and retries">
      <Facts
        facts={{
          "2xx": "Delivered.",
          "Anything else": `Redirects, timeouts and lost connections included: the relay retries after ${scheduleInWords(null)}, with some jitter, unless the operator has set another schedule. After the last attempt the delivery is dead; the operator sees it and can replay it.`,
          "429, or 503 with Retry-After":
            "The relay attempts nothing else at your URL until that time is over, for a day at most. It reads seconds and HTTP dates. Events wait meanwhile and lose none of their retries.",
          "Retry-After with another status": "This event is not retried before that time, a day away at most.",
          "410 Gone": "You want no more events: the relay pauses your destination until the operator resumes it.",
        }}
      />
      <p class="help">
        If your URL keeps failing, the relay sends a single event from time to time, about once a minute, until one
        succeeds. Then everything pending arrives, oldest first, at most 50 events a second, beside new ones.
      </p>
    </Section>
  );
}

function Order() {
  return (
    <Section id="order" title="Duplicates and order">
      <p>
        Every event is delivered at least once. Store the <code>webhook-id</code> in the same transaction as your
        change, and ignore an id that you have already stored.
      </p>
      <p>
        Order is not promised: a retry arrives after newer events. Keep the event with the greater{" "}
        <code>x-relay-resource-version</code> for each resource.
      </p>
    </Section>
  );
}

function Replay() {
  return (
    <Section id="replay" title="Replay">
      <p>
        Did you lose events, or answer 2xx too early? The operator can replay one event, or everything since a time:
        what failed, what you missed, or all. A replay has the same <code>webhook-id</code> as before, a new timestamp
        and signature, and the body of the format that your destination has by then.
      </p>
    </Section>
  );
}

const snippets = { Node: node, Python: python, Go: go, PHP: php, Ruby: ruby };

/** A test runs each snippet. */
export function Snippets() {
  return (
    <Section id="verify" title="Verification">
      <p class="help">
        The destination verifies the raw body, with a Standard Webhooks library or by hand. It answers with any 2xx, and
        ignores a <code>webhook-id</code> that it already has.
      </p>
      {Object.entries(snippets).map(([name, text], index) => (
        <details open={index === 0}>
          <summary>{name}</summary>
          <pre tabindex={0} aria-label={`Verification in ${name}`} role="region">
            <code id={`snippet-${name}`}>{text}</code>
          </pre>
          <CopyButton id={`snippet-${name}`} />
        </details>
      ))}
    </Section>
  );
}
