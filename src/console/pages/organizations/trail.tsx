import type { Child } from "hono/jsx";

interface TrailProps {
  readonly steps: readonly { readonly href: string; readonly text: Child }[];
}

/** The pages above this one, from the top down. */
export function Trail({ steps }: TrailProps) {
  return (
    <nav class="known-trail" aria-label="Pages above this one">
      <ol>
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
