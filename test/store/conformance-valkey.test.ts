import { execFileSync } from "node:child_process";
import { describe, test } from "vitest";
import { startSocket } from "../support/redis-topologies.js";
import { conformance } from "./conformance.js";

const binary = "valkey-server";

function installed(): boolean {
  try {
    execFileSync(binary, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

if (installed()) conformance("Valkey", () => startSocket(binary));
else describe("the store on Valkey", () => test.skip("valkey-server is not installed", () => undefined));
