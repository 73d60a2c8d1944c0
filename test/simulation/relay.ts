/** What the simulation takes out of the source, bundled as one module. */
export { isBalanced } from "../../src/domain/ledger.ts";
export { decrypt } from "../../src/platform/encryption.ts";
export { createRelay } from "../../src/relay.ts";
export { openDatabase } from "../../src/store/database.ts";
export { countLedger, countLedgerFromRows } from "../../src/store/ledger.ts";
export { onLog } from "./stand-ins.ts";
