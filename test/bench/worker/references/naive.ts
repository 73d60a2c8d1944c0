import type { Bindings } from "../../../../src/env.ts";
import { type NaiveMessage, createNaiveDesign } from "./naive-design.ts";

export default createNaiveDesign((url, init) => fetch(url, init)) satisfies ExportedHandler<Bindings, NaiveMessage>;
