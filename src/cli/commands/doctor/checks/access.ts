import { accessRemedy } from "../../../cloudflare-access.ts";
import { RelayRefusal } from "../../../relay-client.ts";
import { type Result, failed, judged, skipped } from "../finding.ts";
import { CannotExamine, type Patient, apiFails } from "../patient.ts";

/** The operator's API: what is asked of the relay from here on is asked there. */
export async function examineAccess(patient: Patient): Promise<Result> {
  const { relay } = patient.circumstances;
  if (await patient.isSilent()) throw new CannotExamine(skipped("The relay does not answer: see `answer`."));
  if (!("thing" in relay)) return skipped(relay.lacks, relay.enable);
  const access = await patient.access();
  switch (access.state) {
    case "closed":
      return skipped(access.lacks, access.enable);
    case "open":
      return judged([], "The operator's API lets the doctor in.");
    case "refused":
      if (access.fault instanceof RelayRefusal && access.fault.code === "behind_access") {
        return failed({
          fault: "service_token_refused",
          what: "Cloudflare Access stands before the operator's API and does not admit the service token.",
          seen: access.fault.message,
          remedy: accessRemedy("/api"),
        });
      }
      return failed({
        fault: "admin_token_refused",
        what:
          access.fault instanceof RelayRefusal && access.fault.status === 429
            ? "The operator's API has seen too many wrong tokens from this address."
            : "The relay does not know this token: what goes on inside it stays unseen.",
        seen: access.fault.message,
        remedy: access.fault.remedy ?? "Set ADMIN_TOKEN to the relay's own.",
      });
    case "failing":
      return failed(apiFails(access.fault));
  }
}
