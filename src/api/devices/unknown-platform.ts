import { problem } from "../../errors.js";

/** UNKNOWN_PLATFORM for a field. */
export function unknownPlatform(field: string, name: string): Error {
  const description = `no platform ${name}; ListPlatforms names those there are`;
  return problem("UNKNOWN_PLATFORM", `${field}: ${description}`, { fields: [{ field, description }] });
}
