import { type FieldProblem, invalidRequest } from "../../errors.js";
import type { JobWish } from "./job-wish.js";
import type { PlatformCatalogue } from "../devices/platform-catalogue.js";

/**
 * Refuses commands that could not be sent because the one before them ends the connection, and checks that do more than
 * look. Throws INVALID_REQUEST with every field that is wrong.
 */
export function checkReturn(platforms: PlatformCatalogue, platform: string, { spec, field }: JobWish): void {
  if (spec.operation.case !== "commands") return;
  const { commands } = spec.operation.value;
  const problems: FieldProblem[] = commands.flatMap(({ expectDisconnect, waitForReturn }, index) => {
    const place = `${field}.commands.commands[${index}]`;
    if (waitForReturn && !expectDisconnect) {
      return [{ field: `${place}.wait_for_return`, description: "needs expect_disconnect" }];
    }
    if (expectDisconnect && !waitForReturn && index < commands.length - 1) {
      const description = "ends the connection: have it wait_for_return, or make it the last command";
      return [{ field: `${place}.expect_disconnect`, description }];
    }
    return (waitForReturn?.checks ?? []).flatMap(({ command }, at) =>
      platforms.isReadOnly(platform, command)
        ? []
        : [{ field: `${place}.wait_for_return.checks[${at}].command`, description: "is not known to be read-only" }],
    );
  });
  if (problems.length > 0) throw invalidRequest(...problems);
}
