import { Command } from "commander";
import { addDestinations } from "./commands/destinations/destinations.ts";
import { addDoctor } from "./commands/doctor/doctor.ts";
import { addEvents } from "./commands/events/events.ts";
import { addOnboarding } from "./commands/onboarding.ts";
import { addReconcile } from "./commands/reconcile/reconcile.ts";
import { addReplay } from "./commands/replay.ts";
import { addSend } from "./commands/send.ts";
import { addSubscriptions } from "./commands/subscriptions/subscriptions.ts";
import { addTail } from "./commands/tail/tail.ts";
import { addVerify } from "./commands/verify/verify.ts";
import { prepareProgram, runProgram } from "./run-program.ts";

/** `npm run qonto -- …`: the operator's command line. */
const program = prepareProgram(
  new Command("qonto")
    .usage("<command> [options]")
    .description("Sets up, watches and mends what stands between Qonto and the teams."),
);

program.commandsGroup("Qonto:");
addSubscriptions(program);
addOnboarding(program);

program.commandsGroup("Signatures:");
addSend(program);
addVerify(program);

program.commandsGroup("The relay:");
addDestinations(program);
addEvents(program);
addReplay(program);
addReconcile(program);
addTail(program);
addDoctor(program);

await runProgram(program, process.argv.slice(2));
