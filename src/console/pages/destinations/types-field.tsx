import { cataloguedTypes } from "../../../qonto/catalogue.ts";
import type { DestinationFaults } from "./destination-faults.ts";
import { Typed, described } from "./typed-field.tsx";
import type { TypedDestination } from "./typed-destination.ts";

interface TypesFieldProps {
  readonly typed: TypedDestination;
  readonly faults: DestinationFaults;
}

/** All types, or some: those that Qonto's catalogue has can be ticked, others written. */
export function TypesField({ typed, faults }: TypesFieldProps) {
  return (
    <fieldset class="types" aria-describedby={faults.scope === undefined ? undefined : "scope-fault"}>
      <legend>Types of event</legend>
      <label class="choice">
        <input type="radio" name="scope" value="all" checked={typed.scope === "all"} /> All, also those that Qonto will
        add
      </label>
      <label class="choice">
        <input type="radio" name="scope" value="some" checked={typed.scope === "some"} /> Only these
      </label>
      {faults.scope === undefined ? null : (
        <span class="fault" id="scope-fault">
          {faults.scope}
        </span>
      )}
      <div class="types-some">
        <Kind title="Business API" types={cataloguedTypes.business} ticked={typed.types} />
        <Kind title="Onboarding API" types={cataloguedTypes.onboarding} ticked={typed.types} />
        <Typed
          name="other_types"
          label="Others"
          fault={faults.other_types}
          help="Such as v1/sepa-*: with a * at its end, all that begin so. Several with commas between."
        >
          <input
            {...described("other_types", faults)}
            type="text"
            value={typed.other_types}
            autocapitalize="off"
            spellcheck={false}
          />
        </Typed>
      </div>
    </fieldset>
  );
}

interface KindProps {
  readonly title: string;
  readonly types: readonly string[];
  readonly ticked: readonly string[];
}

function Kind({ title, types, ticked }: KindProps) {
  return (
    <fieldset class="kind">
      <legend>{title}</legend>
      {types.map((type) => (
        <label class="choice">
          <input type="checkbox" name="types" value={type} checked={ticked.includes(type)} /> {type}
        </label>
      ))}
    </fieldset>
  );
}
