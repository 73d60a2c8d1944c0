import type { PropsWithChildren } from "hono/jsx";
import type { DestinationFaults } from "./destination-faults.ts";
import type { TypedDestination } from "./typed-destination.ts";

interface TypedProps {
  readonly name: keyof TypedDestination;
  readonly label: string;
  readonly help: string;
  readonly fault: string | undefined;
}

/** A control with its label, what it takes, and what is wrong with what was typed. */
export function Typed({ name, label, help, fault, children }: PropsWithChildren<TypedProps>) {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      {children}
      <span class="help" id={`${name}-help`}>
        {help}
      </span>
      {fault === undefined ? null : (
        <span class="fault" id={`${name}-fault`}>
          {fault}
        </span>
      )}
    </div>
  );
}

/** Ties a control to what is said of it. */
export function described(name: keyof TypedDestination, faults: DestinationFaults) {
  const isWrong = faults[name] !== undefined;
  return {
    id: name,
    name,
    "aria-describedby": isWrong ? `${name}-help ${name}-fault` : `${name}-help`,
    ...(isWrong ? { "aria-invalid": "true" as const } : {}),
  };
}
