import { afterAll, beforeAll, expect, test } from "vitest";
import { newJob } from "../support/jobs.js";
import { openTestStore, type TestStore } from "../support/store.js";

let at: TestStore;
beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());

test.each([
  ["of all", false],
  ["by their ids", true],
])("a page of large jobs %s ends before its number, and none of them is missed", async (_what, byIds) => {
  await at.empty();
  const { store, time } = at;
  const spec = new Uint8Array(3 * 1024 * 1024).fill(0x78);
  const ids: string[] = [];
  for (let i = 0; i < 14; i++) {
    time.now++;
    ids.unshift((await store.jobs.create(newJob(time.now, i % 3 === 0 ? {} : { spec }))).job.id);
  }
  const pages: string[][] = [];
  for (let before: string | undefined, more = true; more;) {
    const page = await store.jobs.list(byIds ? { ids } : {}, {
      limit: 100,
      ...(before === undefined ? {} : { before }),
    });
    expect(page.jobs.reduce((sum, job) => sum + job.spec.length, 0)).toBeLessThan(20 * 1024 * 1024);
    pages.push(page.jobs.map(({ id }) => id));
    before = page.next;
    more = before !== undefined;
  }
  expect(pages.flat()).toEqual(ids);
  expect(pages.length).toBe(2);
});
