import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestStore, type TestStore } from "../../support/store.js";
import { histories, type Seen } from "./commands.js";
import { compareAll, newWorld, type World } from "./world.js";

/** How many histories; the same seed gives the same ones. */
const runs = Number(process.env["MODEL_RUNS"] ?? 2_000);
const seed = Number(process.env["MODEL_SEED"] ?? Date.now() % 1_000_000_000);
const path = process.env["MODEL_PATH"];

let at: TestStore;

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());

test(
  `the scripts do what the model does, in ${runs} random histories (MODEL_SEED=${seed})`,
  { timeout: 600_000 },
  async () => {
    let steps = 0;
    await fc.assert(
      fc.asyncProperty(histories(25), async (history) => {
        let world: World | undefined;
        const setup = async (): Promise<{ model: Seen; real: World }> => {
          world = await newWorld(at);
          return { model: { jobs: 0, claims: 0 }, real: world };
        };
        await fc.asyncModelRun(setup, history);
        if (world) await compareAll(world);
        steps += [...history].length;
      }),
      {
        numRuns: runs,
        seed,
        ...(path === undefined ? {} : { path }),
        interruptAfterTimeLimit: 580_000,
        markInterruptAsFailure: true,
      },
    );
    expect(steps).toBeGreaterThan(runs);
  },
);
