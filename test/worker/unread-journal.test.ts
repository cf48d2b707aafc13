import { pino } from "pino";
import { expect, test } from "vitest";
import { UnreadableJournalError } from "../../src/worker/journals.js";
import { workerAlone } from "./one-worker.js";

const isADirectory = Object.assign(new Error("EISDIR: illegal operation on a directory, read"), { code: "EISDIR" });

test("a journal that cannot be read is named once in the log, and with each beat until it can", async () => {
  let damaged = true;
  const lines: string[] = [];
  const told: string[] = [];
  const { worker, clock, answers } = workerAlone(["a"], {
    logger: pino({}, { write: (line: string) => void lines.push(line) }),
    journals: {
      open: () => Promise.resolve({ write: () => Promise.resolve(), close: () => Promise.resolve() }),
      read: () =>
        damaged
          ? Promise.reject(new UnreadableJournalError("/journals/x.journal", isADirectory))
          : Promise.resolve({ entries: [], gone: [] }),
    },
  });
  answers.beat = (_worker, { untold = "" }) => {
    told.push(untold);
    return Promise.resolve({ answer: "OK", cancels: [] });
  };
  await worker.start();
  await clock.advance(10_000);
  const named = lines.filter((line) => line.includes("/journals/x.journal"));
  expect(named).toEqual([expect.stringContaining("cannot be read (EISDIR)")]);
  expect(told.at(-1)).toContain("/journals/x.journal");
  damaged = false;
  await clock.advance(10_000);
  expect(told.at(-1)).toBe("");
});
