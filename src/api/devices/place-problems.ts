import type { Bastion, InlineBastion } from "@pointsman/sdk/v1";
import { addressProblem } from "../../domain/endpoint-key.js";
import type { FieldProblem } from "../../errors.js";
import { badHostKeys } from "./host-keys.js";

/** What is wrong with where a device is said to be, on the way to it, and with the keys to be shown there. */
export function placeProblems(
  field: string,
  place: {
    readonly address: string;
    readonly hostKeys: readonly string[];
    readonly bastions: readonly (Bastion | InlineBastion)[];
  },
): FieldProblem[] {
  const hops = place.bastions.map((bastion, index) => ({ path: `${field}.bastions[${index}]`, hop: bastion }));
  return [{ path: field, hop: place }, ...hops].flatMap(({ path, hop }) => {
    const description = addressProblem(hop.address);
    const bad = badHostKeys(`${path}.host_keys`, hop.hostKeys);
    return description === undefined ? bad : [{ field: `${path}.address`, description }, ...bad];
  });
}
