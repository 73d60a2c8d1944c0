import { ROOT, type Viewer } from "../requests.ts";
import { Form } from "./form.tsx";

/** Of Cloudflare, before the relay. */
const ACCESS_LOGOUT = "/cdn-cgi/access/logout";

/** Who looks at the page, by what, and how they become somebody else. */
export function Viewing({ viewer }: { readonly viewer: Viewer }) {
  return (
    <div class="viewer">
      <span>
        <bdi>{viewer.name}</bdi>
        {` · ${viewer.by}${viewer.mayChange ? "" : " · read-only"}`}
      </span>
      {viewer.by === "Cloudflare Access" ? (
        <>
          {viewer.mayChange ? null : <a href={`${ROOT}/login`}>Log in with a token</a>}
          <a class="button button-plain" href={ACCESS_LOGOUT}>
            Log out
          </a>
        </>
      ) : (
        <Form viewer={viewer} action={`${ROOT}/logout`}>
          <button type="submit" class="button button-plain">
            Log out
          </button>
        </Form>
      )}
    </div>
  );
}
