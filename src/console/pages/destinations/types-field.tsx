import { cataloguedTypes } from "../../../qonto/catalogue.ts";
import { Fault, TextField } from "../../ui/form.tsx";

interface TypesFieldProps {
  readonly fields: { readonly scope: "all" | "some"; readonly types: readonly string[]; readonly other_types: string };
  /** What is wrong with the choice, and with the other types. */
  readonly faults: { readonly scope?: string | undefined; readonly types?: string | undefined };
}

/** All types, or some: those of the catalogue as boxes to tick, others as text. */
export function TypesField({ fields, faults }: TypesFieldProps) {
  return (
    <fieldset class="field-group" aria-describedby={faults.scope === undefined ? undefined : "scope-fault"}>
      <legend>Event types</legend>
      <label class="choice">
        <input type="radio" name="scope" value="all" checked={fields.scope === "all"} /> All of Qonto's, also those that
        it will add
      </label>
      <label class="choice">
        <input type="radio" name="scope" value="some" checked={fields.scope === "some"} /> Only these
      </label>
      <Fault name="scope" fault={faults.scope} />
      <div class="indented stack">
        <TypeBoxes title="Business API" types={cataloguedTypes.business} ticked={fields.types} />
        <TypeBoxes title="Onboarding API" types={cataloguedTypes.onboarding} ticked={fields.types} />
        {/* The ticked types are in the catalogue, so a wrong type was typed here. */}
        <TextField
          label="Others"
          name="other_types"
          help="Separated by commas. A trailing * stands for all types that start so, such as v1/sepa-*. The relay's own events, such as relay.connection.lost, come only by their names or by relay.*."
          value={fields.other_types}
          fault={faults.types}
        />
      </div>
    </fieldset>
  );
}

interface TypeBoxesProps {
  readonly title: string;
  readonly types: readonly string[];
  readonly ticked: readonly string[];
}

function TypeBoxes({ title, types, ticked }: TypeBoxesProps) {
  return (
    <fieldset class="choices grid">
      <legend>{title}</legend>
      {types.map((type) => (
        <label class="choice">
          <input type="checkbox" name="types" value={type} checked={ticked.includes(type)} /> {type}
        </label>
      ))}
    </fieldset>
  );
}
