import { z } from "zod";
import { sampleTypes } from "../../../qonto/sample-event.ts";
import { TextField } from "../../ui/form.tsx";

/** Of an id and of a type. */
export const LONGEST_NAME = 255;

/** A filter that somebody types. Blanks are left out. */
export const filterText = z
  .string()
  .trim()
  .transform((typed) => (typed === "" ? undefined : typed));

/** One of the catalogue's types, or any other. */
export function TypeField({ type }: { readonly type: string | undefined }) {
  return (
    <>
      <TextField label="Type" name="type" value={type} list="types" placeholder="any" maxlength={LONGEST_NAME} />
      <datalist id="types">
        {sampleTypes.map((one) => (
          <option value={one}></option>
        ))}
      </datalist>
    </>
  );
}

export function OrganizationField({ organization }: { readonly organization: string | undefined }) {
  return (
    <TextField
      label="Organization"
      name="organization"
      value={organization}
      placeholder="any id"
      maxlength={LONGEST_NAME}
    />
  );
}
