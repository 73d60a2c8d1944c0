import { addresses } from "../../addresses.ts";
import { Filters } from "../../ui/table.tsx";
import { Field, MomentField } from "../../ui/form.tsx";
import { actions } from "./actions.ts";

interface AuditFiltersProps {
  readonly token: string | undefined;
  readonly action: string | undefined;
  readonly subject: string | undefined;
  readonly since: number | undefined;
  readonly until: number | undefined;
}

export function AuditFilters({ token, action, subject, since, until }: AuditFiltersProps) {
  return (
    <Filters path={addresses.audit}>
      <Field label="Who">
        <input
          name="token"
          value={token}
          placeholder="admin, or ada@example.com"
          autocapitalize="off"
          spellcheck={false}
        />
      </Field>
      <Field label="What">
        <select name="action">
          <option value="">Anything</option>
          {Object.entries(actions).map(([name, words]) => (
            <option value={name} selected={name === action}>
              {words}
            </option>
          ))}
        </select>
      </Field>
      <Field label="On what">
        <input name="subject" value={subject} placeholder="Its whole id" autocapitalize="off" spellcheck={false} />
      </Field>
      <MomentField label="From" name="since" value={since} />
      <MomentField label="Before" name="until" value={until} />
    </Filters>
  );
}
