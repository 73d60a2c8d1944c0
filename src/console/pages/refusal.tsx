import type { Problem } from "../../platform/problem.ts";
import { Bare, Notice, Page } from "../ui/layout.tsx";
import { ROOT, type Viewer } from "../requests.ts";

interface RefusalProps {
  readonly problem: Pick<Problem, "title" | "detail">;
  /** Who is logged in, if anybody is. */
  readonly viewer: Viewer | undefined;
}

/** Instead of a page that cannot be shown. */
export function Refusal({ problem, viewer }: RefusalProps) {
  if (viewer === undefined) {
    return (
      <Bare title={problem.title}>
        <h1>{problem.title}</h1>
        <Notice kind="bad">{problem.detail}</Notice>
        <p>
          <a href={ROOT}>Go to the console</a>
        </p>
      </Bare>
    );
  }
  return (
    <Page title={problem.title} viewer={viewer} here={null}>
      <Notice kind="bad">{problem.detail}</Notice>
      <p>
        <a href={ROOT}>Go to the overview</a>
      </p>
    </Page>
  );
}
