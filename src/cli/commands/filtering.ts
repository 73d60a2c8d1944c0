import { option, orWord, readJson } from "../options.ts";

export const filterOption = option(
  "--filter <json>",
  "conditions on the content of its events; or `none`",
  orWord("none", null, readJson),
);
