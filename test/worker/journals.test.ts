import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type JournalFiles, nodeFiles } from "../../src/worker/journal-files.js";
import { createJournals } from "../../src/worker/journals.js";

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "pm-journals-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const options = { hostname: "node-1", pid: 7, now: () => 1_000, isAlive: (pid: number) => pid === 7 };
const done = { kind: "done", timeMs: 1_000, job: "j1", fence: "1", intendedStep: 0, confirmedStep: 0 } as const;

test("an entry is told as written only when it would outlive a loss of power", async () => {
  const happened: string[] = [];
  const disk: JournalFiles = {
    ...nodeFiles,
    async open(path) {
      const file = await nodeFiles.open(path);
      return {
        appendFile: (text) => file.appendFile(text).then(() => void happened.push("appended")),
        datasync: () => file.datasync().then(() => void happened.push("synchronised")),
        isThere: () => file.isThere(),
        close: () => file.close(),
      };
    },
  };
  const journal = await createJournals({ ...options, dir, disk }).open("node-1-7-aa");
  await journal.write({ ...done, verdict: "REQUEUE" });
  happened.push("told");
  expect(happened).toEqual(["appended", "synchronised", "told"]);
  await journal.close();
});

test("an entry that a full disk took half of leaves the next one whole", async () => {
  let isFull = false;
  const disk: JournalFiles = {
    ...nodeFiles,
    async open(path) {
      const file = await nodeFiles.open(path);
      return {
        async appendFile(text) {
          await file.appendFile(isFull ? text.slice(0, text.length / 2) : text);
          if (isFull) throw new Error("ENOSPC: no space left on device, write");
        },
        datasync: () => file.datasync(),
        isThere: () => file.isThere(),
        close: () => file.close(),
      };
    },
  };
  const journals = createJournals({ ...options, dir, disk });
  const journal = await journals.open("node-1-7-aa");
  const write = (job: string): Promise<void> => journal.write({ ...done, job, verdict: "REQUEUE" });
  await write("before");
  isFull = true;
  await expect(write("cut off")).rejects.toThrow("ENOSPC");
  await expect(write("cut off too")).rejects.toThrow("ENOSPC");
  isFull = false;
  await write("behind");
  await write("last");
  const jobs = (await journals.read(0)).entries.map((entry) => entry.kind === "done" && entry.job);
  expect(jobs).toEqual(["before", "behind", "last"]);
  await journal.close();
});

test("an entry behind the removal of the folder can be read again", async () => {
  const journals = createJournals({ ...options, dir });
  const journal = await journals.open("node-1-7-aa");
  await journal.write({ ...done, job: "before", verdict: "REQUEUE" });
  await rm(dir, { recursive: true });
  for (const job of ["behind", "last"]) await journal.write({ ...done, job, verdict: "REQUEUE" });
  const jobs = (await journals.read(0)).entries.map((entry) => entry.kind === "done" && entry.job);
  expect(jobs).toEqual(["behind", "last"]);
  await journal.close();
});

test("a life that is over is no more, also while its process goes on under another name", async () => {
  const journals = createJournals({ ...options, dir });
  const before = await journals.open("node-1-7-aa");
  const now = await journals.open("node-1-7-bb");
  expect((await journals.read(0)).gone).toEqual([]);
  await before.close();
  expect((await journals.read(0)).gone).toEqual(["node-1-7-aa"]);
  await now.close();
});

test("of other writers only those of this machine whose process has ended are no more", async () => {
  const journals = createJournals({ ...options, dir });
  for (const worker of ["node-1-6-cc", "node-2-6-dd"])
    await (await createJournals({ ...options, dir }).open(worker)).close();
  expect((await journals.read(0)).gone).toEqual(["node-1-6-cc"]);
});

test("what cannot be read among the journals is named, whatever the error says", async () => {
  const path = join(dir, "node-1-6-cc.journal");
  await mkdir(path);
  await expect(createJournals({ ...options, dir }).read(0)).rejects.toThrow(
    `${path} among the journals cannot be read (EISDIR)`,
  );
});

test("a folder that takes no journal is told as such, also one in which nothing can be made", async () => {
  await writeFile(join(dir, "file"), "");
  for (const [name, why] of [
    ["/proc/journals", "ENOENT: no such file or directory, mkdir '/proc/journals'"],
    [join(dir, "file", "journals"), `EEXIST: file already exists, mkdir '${join(dir, "file")}'`],
  ] as const) {
    await expect(createJournals({ ...options, dir: name }).open("node-1-7-aa")).rejects.toThrow(
      `worker.journal_dir: nothing can be written into the folder ${name} (${why})`,
    );
  }
});
