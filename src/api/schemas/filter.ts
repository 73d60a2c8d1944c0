import { z } from "@hono/zod-openapi";
import { MAX_FILTER_BYTES, MAX_FILTER_CONDITIONS, MAX_FILTER_LEVELS, readFilter } from "../../domain/read-filter.ts";

const description = `Content filter on the event's body. A key is a path, with dots between its keys; a value is a literal or an object of \`$eq\`, \`$ne\`, \`$gt\`, \`$gte\`, \`$lt\`, \`$lte\`, \`$in\`, \`$nin\`, \`$exists\`, \`$startsWith\`, \`$endsWith\`, \`$contains\`; \`$and\`, \`$or\` and \`$not\` combine. Numbers compare by value with all their digits, also with texts that are numbers. At most ${MAX_FILTER_CONDITIONS} conditions, ${MAX_FILTER_LEVELS} levels, ${MAX_FILTER_BYTES} bytes. Null: none.`;

const exampleFilter = { "data.side": "credit", "data.amount": { $gte: 1_000 } };

/** A filter of a request, with a fault at each path that is wrong. It stays as it was given, digits and all. */
export const filterInput = z
  .unknown()
  .transform((json, context) => {
    const { filter, faults } = readFilter(json);
    for (const { path, message } of faults) context.addIssue({ code: "custom", path: [...path], message });
    return filter?.json ?? z.NEVER;
  })
  .openapi({ type: "object", additionalProperties: true, description, example: exampleFilter });

/** A filter of an answer. A newer relay may know more operators. */
export const shownFilter = z.record(z.string(), z.unknown()).openapi({ description, example: exampleFilter });
