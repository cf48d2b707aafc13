import { create } from "@bufbuild/protobuf";
import { ConfigKind, ConfigureOperationSchema } from "@pointsman/sdk/v1";
import { expect, test } from "vitest";
import { builtInPlatforms } from "../../src/device/index.js";
import { linesOfInput } from "../../src/worker/configure-input.js";

const rules = builtInPlatforms().get("frr_tcli")!.configuration!;

test.each([ConfigKind.MERGE, ConfigKind.REPLACE])("input that comes to no line is refused, of kind %i", (kind) => {
  for (const value of ["", "! a comment\n\n"]) {
    const operation = create(ConfigureOperationSchema, { input: { case: "text", value }, kind });
    expect(() => linesOfInput("frr_tcli", rules, operation)).toThrow(/no line/);
  }
});
