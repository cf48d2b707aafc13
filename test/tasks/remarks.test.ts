import { expect, test } from "vitest";
import type { FromThread } from "../../src/tasks/messages.js";
import { createRemarks } from "../../src/tasks/remarks.js";

test("what a task says is well-formed text, also where it was cut through a character", () => {
  const sent: FromThread[] = [];
  const remarks = createRemarks((message) => sent.push(message));
  remarks.log("half \ud83d of it, 😀", "info");
  remarks.log(`${"x".repeat(4_095)}😀`, "info");
  remarks.progress(1, `${"x".repeat(4_095)}😀`);
  remarks.end();
  const texts = sent.map((one) => ("message" in one ? one.message : ""));
  expect(texts).toEqual(["half \ufffd of it, 😀", `${"x".repeat(4_095)}\ufffd…`, `${"x".repeat(4_095)}\ufffd`]);
});
