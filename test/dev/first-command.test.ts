import { expect, test } from "vitest";
import { firstCommand } from "../../src/commands/dev.js";

test("the command to begin with names the server unless it is where every command looks", () => {
  expect(firstCommand("http://127.0.0.1:9000", "fra-r1")).toBe("pointsman exec fra-r1 -- show version");
  expect(firstCommand("http://127.0.0.1:41873", "fra-r1")).toBe(
    "POINTSMAN_URL=http://127.0.0.1:41873 pointsman exec fra-r1 -- show version",
  );
});
