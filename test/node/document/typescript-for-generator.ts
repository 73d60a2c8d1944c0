/** The compiler as a library, for openapi-typescript: TypeScript 7 is none. */
export { ts as default } from "@ts-morph/common";
