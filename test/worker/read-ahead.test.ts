import { expect, it } from "vitest";
import { createReadAhead } from "../../src/worker/read-ahead.js";

/** A read that says when it begins, and gives what `values` says then. */
function reader(values: Record<string, string>) {
  const begun: string[] = [];
  const read = (key: string) => async (): Promise<string> => {
    begun.push(key);
    return Promise.resolve(values[key] ?? "");
  };
  return { begun, read, values };
}

it("begins what was asked for the last time at once, and answers with that", async () => {
  const aheadFor = createReadAhead(10);
  const { begun, read } = reader({ login: "ann" });
  expect(await aheadFor("r1").get("login", read("login"))).toBe("ann");
  begun.length = 0;
  const again = aheadFor("r1");
  expect(begun).toEqual(["login"]);
  expect(await again.get("login", read("login"))).toBe("ann");
  expect(begun).toEqual(["login"]);
});

it("never answers with what was read for an earlier asker", async () => {
  const aheadFor = createReadAhead(10);
  const source = reader({ login: "old" });
  await aheadFor("r1").get("login", source.read("login"));
  source.values["login"] = "new";
  expect(await aheadFor("r1").get("login", source.read("login"))).toBe("new");
});

it("drops what is not asked for any more, also when it fails, and begins it no third time", async () => {
  const aheadFor = createReadAhead(10);
  const { begun, read } = reader({});
  await aheadFor("r1").get("gone", () => {
    begun.push("gone");
    return begun.length === 1 ? Promise.resolve("") : Promise.reject(new Error("it is not there any more"));
  });
  await aheadFor("r1").get("other", read("other"));
  expect(begun).toEqual(["gone", "gone", "other"]);
  begun.length = 0;
  aheadFor("r1");
  expect(begun).toEqual(["other"]);
});

it("tells a failure to whoever asks", async () => {
  const aheadFor = createReadAhead(10);
  const failing = (): Promise<string> => Promise.reject(new Error("the store is away"));
  await expect(aheadFor("r1").get("login", failing)).rejects.toThrow("the store is away");
  await expect(aheadFor("r1").get("login", failing)).rejects.toThrow("the store is away");
});

it("remembers so many things, and forgets the one that was not asked about for longest", async () => {
  const aheadFor = createReadAhead(2);
  const { begun, read } = reader({});
  for (const about of ["r1", "r2", "r1", "r3"]) await aheadFor(about).get(about, read(about));
  begun.length = 0;
  aheadFor("r2");
  expect(begun).toEqual([]);
  aheadFor("r3");
  expect(begun).toEqual(["r3"]);
});
