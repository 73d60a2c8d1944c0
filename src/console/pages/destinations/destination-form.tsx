import { Button, Form } from "../../ui/form.tsx";
import { Notice } from "../../ui/layout.tsx";
import type { Viewer } from "../../requests.ts";
import type { DestinationFaults } from "./destination-faults.ts";
import type { TypedDestination } from "./typed-destination.ts";
import { Typed, described } from "./typed-field.tsx";
import { TypesField } from "./types-field.tsx";

interface DestinationFormProps {
  readonly viewer: Viewer;
  readonly action: string;
  readonly typed: TypedDestination;
  readonly faults: DestinationFaults;
  /** Sent along, unseen. */
  readonly hidden?: Readonly<Record<string, string>>;
  /** Whether it is for a destination that is not there yet. */
  readonly isNew: boolean;
}

const advanced = ["retry_schedule_seconds", "timeout_ms", "max_per_second"] as const;

/** What a destination is and wants: the same for a new one and for one that is changed. */
export function DestinationForm({ viewer, action, typed, faults, hidden = {}, isNew }: DestinationFormProps) {
  const isAdvanced = advanced.some((name) => faults[name] !== undefined) || (isNew && typed.enabled === undefined);
  return (
    <Form viewer={viewer} action={action} class="destination-form stack">
      {Object.keys(faults).length === 0 ? null : (
        <Notice kind="bad">Nothing was saved. What is wrong stands at its field.</Notice>
      )}
      {Object.entries(hidden).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
      <Typed
        name="url"
        label="URL"
        fault={faults.url}
        help="Each event is posted to it, signed. It begins with https://."
      >
        <input
          {...described("url", faults)}
          type="text"
          inputmode="url"
          value={typed.url}
          placeholder="https://accounting.example.com/qonto"
          autocapitalize="off"
          spellcheck={false}
        />
      </Typed>
      <Typed
        name="description"
        label="Description"
        fault={faults.description}
        help="What the destination is called here."
      >
        <input {...described("description", faults)} type="text" value={typed.description} placeholder="Accounting" />
      </Typed>
      <TypesField typed={typed} faults={faults} />
      <Typed
        name="organizations"
        label="Organizations"
        fault={faults.organizations}
        help="Ids, one a line. Empty: events of all organizations, and of none."
      >
        <textarea {...described("organizations", faults)} rows={2} spellcheck={false}>
          {typed.organizations}
        </textarea>
      </Typed>
      <details class="fold" open={isAdvanced}>
        <summary>Advanced: retries, time limit, pace</summary>
        <div class="stack">
          <Typed
            name="retry_schedule_seconds"
            label="Waits between attempts, in seconds"
            fault={faults.retry_schedule_seconds}
            help="Such as 5, 60, 3600: then it is given up. Empty: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. The word none: a single attempt."
          >
            <input
              {...described("retry_schedule_seconds", faults)}
              type="text"
              inputmode="numeric"
              value={typed.retry_schedule_seconds}
            />
          </Typed>
          <Typed
            name="timeout_ms"
            label="Time limit of an attempt, in milliseconds"
            fault={faults.timeout_ms}
            help="From 100 to 30000; 10000 unless it says otherwise."
          >
            <input {...described("timeout_ms", faults)} type="text" inputmode="numeric" value={typed.timeout_ms} />
          </Typed>
          <Typed
            name="max_per_second"
            label="Most attempts a second"
            fault={faults.max_per_second}
            help="From 0.01 to 1000. Empty: no limit."
          >
            <input
              {...described("max_per_second", faults)}
              type="text"
              inputmode="decimal"
              value={typed.max_per_second}
            />
          </Typed>
          {isNew ? (
            <label class="choice">
              <input type="checkbox" name="enabled" value="yes" checked={typed.enabled === "yes"} /> Gets events from
              now on; otherwise it is paused
            </label>
          ) : null}
        </div>
      </details>
      <p class="actions">
        <Button viewer={viewer} kind="main">
          {isNew ? "Add the destination" : "Save"}
        </Button>
      </p>
    </Form>
  );
}
