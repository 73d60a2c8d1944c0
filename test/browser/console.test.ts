import { describe } from "vitest";
import { describeInBrowser } from "./browser.ts";
import { audit } from "./pages/audit.ts";
import { deadLetters } from "./pages/dead-letters.ts";
import { docs } from "./pages/docs.ts";
import { events } from "./pages/events.ts";
import { organizations } from "./pages/organizations.ts";
import { overview } from "./pages/overview.ts";
import { quarantine } from "./pages/quarantine.ts";
import { qonto } from "./pages/qonto.ts";
import { registrations } from "./pages/registrations.ts";
import { resources } from "./pages/resources.ts";
import { tail } from "./pages/tail.ts";
import { times } from "./pages/times.ts";
import { destinations } from "./pages/destinations.ts";

// In one file, because it takes longer to start a relay and a browser than to test most pages: `-t tail` picks one.
describeInBrowser("the console in a browser", () => {
  describe("overview", overview);
  describe("events", events);
  describe("tail", tail);
  describe("destinations", destinations);
  describe("qonto", qonto);
  describe("organizations", organizations);
  describe("resources", resources);
  describe("registrations", registrations);
  describe("quarantine", quarantine);
  describe("dead letters", deadLetters);
  describe("audit trail", audit);
  describe("docs", docs);
  describe("times", times);
});
