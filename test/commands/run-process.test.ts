import { expect, test } from "vitest";
import { runUntilSignal } from "../../src/commands/run-process.js";
import type { Service } from "../../src/domain/service.js";

test("a service that cannot be started or stopped keeps none of the others from being stopped, and both are told", async () => {
  const stopped: string[] = [];
  const service = (name: string, failure?: Error): Service => ({
    start: () => Promise.resolve(),
    stop: () => {
      stopped.push(name);
      return failure ? Promise.reject(failure) : Promise.resolve();
    },
  });
  const failing = { ...service("third"), start: () => Promise.reject(new Error("cannot start")) };
  const services = [service("first"), service("second", new Error("cannot stop")), failing];
  await expect(runUntilSignal(services)).rejects.toThrow("cannot start; cannot stop");
  expect(stopped).toEqual(["third", "second", "first"]);
});
