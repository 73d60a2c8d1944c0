import { Command } from "commander";
import { addDestinations } from "./commands/destinations.ts";
import { addSubscriptions } from "./commands/subscriptions.ts";
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
addVerify(program);

program.commandsGroup("The relay:");
addDestinations(program);

await runProgram(program, process.argv.slice(2));
