import type { Child, PropsWithChildren } from "hono/jsx";
import { addresses, destinationAddress } from "../addresses.ts";
import { readFlash } from "../flash.ts";
import { type Viewer, DOCS, ROOT } from "../requests.ts";
import { useOwnDestination, usePage } from "../show-page.tsx";
import { ButtonLink, Form } from "./form.tsx";

/** The navigation, in its order. */
const places = [
  { title: "Overview", href: addresses.overview },
  { title: "Events", href: addresses.events },
  { title: "Destinations", href: addresses.destinations },
  { title: "Qonto", href: addresses.qonto },
  { title: "Organizations", href: addresses.organizations },
  { title: "Registrations", href: addresses.registrations },
  { title: "Quarantine", href: addresses.quarantine },
  { title: "Dead letters", href: addresses.deadLetters },
  { title: "Audit trail", href: addresses.audit },
  { title: "Live tail", href: addresses.tail },
] as const;

type Place = (typeof places)[number]["href"];

export type PageProps = PropsWithChildren<{
  readonly title: string;
  /** The page's place in the navigation. */
  readonly here?: Place;
  /** The pages above this one, from the top down. */
  readonly trail?: readonly { readonly href: string; readonly text: Child }[];
  /** The line under the title. */
  readonly lead?: Child;
  /** Failing destinations, for the browser's tab. */
  readonly failing?: number;
}>;

/** A page behind the login. It begins with what the action before it did. */
export function Page({ title, here, trail, lead, failing = 0, children }: PageProps) {
  const { viewer, query } = usePage();
  const flash = readFlash(query["done"]);
  return (
    <Document title={failing === 0 ? title : `(${failing}) ${title}`}>
      <a class="skip unseen" href="#main">
        Skip to the page
      </a>
      <header class="bar">
        <a class="brand" href={ROOT}>
          <Mark />
          Qonto relay
        </a>
        <nav class="nav" aria-label="Pages">
          <ul>
            {usePlaces(here).map(({ title, href, isHere }) => (
              <li>
                <a href={href} aria-current={isHere ? "page" : undefined}>
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        {viewer === undefined ? null : <ViewerBar viewer={viewer} />}
      </header>
      <main id="main" tabindex={-1}>
        <h1>{title}</h1>
        {lead === undefined ? null : <p class="lead">{lead}</p>}
        {flash === null ? null : <Notice kind={flash.kind}>{flash.text}</Notice>}
        {trail === undefined ? null : <Trail steps={trail} />}
        {children}
      </main>
      <footer class="foot">
        <p>
          Times are in <span data-zone>UTC</span>. Point at one for the exact UTC.
        </p>
      </footer>
    </Document>
  );
}

/** The token of a destination has that and its documentation to go to. */
function usePlaces(here: Place | undefined) {
  const own = useOwnDestination();
  if (own === null) return places.map((place) => ({ ...place, isHere: place.href === here }));
  return [
    { title: "Destination", href: destinationAddress(own), isHere: here === addresses.destinations },
    { title: "Documentation", href: DOCS, isHere: false },
  ];
}

/** A page in front of the login. */
export function Bare({ title, children }: PropsWithChildren<{ readonly title: string }>) {
  return (
    <Document title={title}>
      <main class="bare" id="main">
        <p class="brand">
          <Mark />
          Qonto relay
        </p>
        <h1>{title}</h1>
        {children}
      </main>
    </Document>
  );
}

function Document({ title, children }: PropsWithChildren<{ readonly title: string }>) {
  return (
    <html lang="en" data-now={usePage().now}>
      <Head title={title} assets={ROOT} />
      <body>{children}</body>
    </html>
  );
}

/** `assets`: the path under which the assets are. */
export function Head({ title, assets }: { readonly title: string; readonly assets: string }) {
  return (
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="robots" content="noindex" />
      <title>{`${title} · Qonto relay`}</title>
      {/* Otherwise a browser asks for an icon of its own accord. */}
      <link rel="icon" href={`${assets}/icon.svg`} type="image/svg+xml" />
      <link rel="stylesheet" href={`${assets}/style.css`} />
      <script src={`${assets}/live.js`} defer></script>
    </head>
  );
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <path d="M2 12h8M10 12c4 0 4-7 12-7M10 12h12M10 12c4 0 4 7 12 7" />
      <circle cx="10" cy="12" r="3" />
    </svg>
  );
}

/** Who is logged in, by what, and the way out. */
function ViewerBar({ viewer }: { readonly viewer: Viewer }) {
  return (
    <div class="viewer cluster small soft">
      <span>
        <bdi>{viewer.name}</bdi>
        {` · ${viewer.by}${viewer.mayChange ? "" : " · read-only"}${viewer.destinationId === null ? "" : " · one destination"}`}
      </span>
      {viewer.by === "Cloudflare Access" ? (
        <>
          {viewer.mayChange ? null : <a href={`${ROOT}/login`}>Log in with a token</a>}
          <ButtonLink href="/cdn-cgi/access/logout">Log out</ButtonLink>
        </>
      ) : (
        <Form action={`${ROOT}/logout`}>
          <button type="submit" class="button">
            Log out
          </button>
        </Form>
      )}
    </div>
  );
}

type NoticeProps = PropsWithChildren<{ readonly kind: "ok" | "info" | "bad" }>;

/** A sentence in a box: what was done, what to know, or what went wrong. */
export function Notice({ kind, children }: NoticeProps) {
  return (
    <p class={`notice tone-${kind === "info" ? "idle" : kind}`} role={kind === "bad" ? "alert" : "status"}>
      {children}
    </p>
  );
}

interface SectionProps {
  readonly id: string;
  readonly title: Child;
}

/** A part of a page under a heading of its own. */
export function Section({ id, title, children }: PropsWithChildren<SectionProps>) {
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

function Trail({ steps }: { readonly steps: NonNullable<PageProps["trail"]> }) {
  return (
    <nav class="trail" aria-label="Pages above this one">
      <ol class="cluster small">
        {steps.map(({ href, text }) => (
          <li>
            <a href={href}>
              <bdi>{text}</bdi>
            </a>
          </li>
        ))}
      </ol>
    </nav>
  );
}
