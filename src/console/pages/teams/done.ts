/** What is said of what was done, by the word for it in a query. */
export const done = {
  paused: "The team is paused. What it is owed waits; what comes meanwhile it is not owed.",
  resumed: "The team gets events again; what waits for it is tried now.",
  changed: "The team is changed.",
  unchanged: "Nothing was to be changed.",
  replayed: "The replay has begun; how far it is stands below.",
  "created-before":
    "The team was added already, by the same form: there is one. Its secret was shown that once; if nobody has it, rotate it.",
  "rotated-before": "Nothing was rotated: the team has been changed since that form was made. Look, and press again.",
} as const;
