import type { DescService } from "@bufbuild/protobuf";
import * as contract from "@pointsman/sdk/v1";

const isService = (one: unknown): one is DescService =>
  typeof one === "object" && one !== null && "kind" in one && one.kind === "service";

/** Every service of the contract: what looks at all of them can forget none that comes later. */
export const contractServices: readonly DescService[] = Object.values<unknown>(contract).filter(isService);
