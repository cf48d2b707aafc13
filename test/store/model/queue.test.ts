import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allowedMoves, jobStates } from "../../../src/domain/job-state.js";
import { openTestStore, type TestStore } from "../../support/store.js";
import type { Seen } from "./step.js";
import { crowdedHistories, histories, lossyHistories, returningHistories } from "./histories.js";
import { historyOf } from "./moves.js";
import { compare, compareAll, newWorld, type World } from "./world.js";

/** How many histories; the same seed gives the same ones. */
const runs = Number(process.env["MODEL_RUNS"] ?? 2_000);
const seed = Number(process.env["MODEL_SEED"] ?? Date.now() % 1_000_000_000);
/** The path and replayPath that a failure printed go straight to its shortened history. */
const path = process.env["MODEL_PATH"];
const replayPath = process.env["MODEL_REPLAY"];
const length = (maxCommands: number) => ({ maxCommands, ...(replayPath === undefined ? {} : { replayPath }) });

let at: TestStore;

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());

const kinds = [
  { what: "the scripts do what the model does", kind: histories(length(25)), share: 0.5 },
  { what: "also where limits are full and move", kind: crowdedHistories(length(30)), share: 0.2 },
  { what: "also where workers are lost in the middle of their work", kind: lossyHistories(length(30)), share: 0.15 },
  { what: "also where Redis comes back with another history", kind: returningHistories(length(30)), share: 0.15 },
];

const allowed = jobStates.flatMap((from) => allowedMoves[from].map((to) => `${from} → ${to}`));
/** Moves between states that happened in any random history. */
const moves = new Set<string>();

describe(`in random histories (MODEL_RUNS=${runs} MODEL_SEED=${seed})`, () => {
  test.each(kinds)("$what", { timeout: 600_000 }, async ({ kind, share }) => {
    const property = fc.asyncProperty(kind, async (history) => {
      let world: World | undefined;
      const setup = async (): Promise<{ model: Seen; real: World }> => {
        world = await newWorld(at, moves);
        return { model: { jobs: 0, claims: 0, intents: 0 }, real: world };
      };
      await fc.asyncModelRun(setup, history);
      if (world) await compareAll(world);
    });
    const limits = { interruptAfterTimeLimit: 580_000, markInterruptAsFailure: true };
    const numRuns = Math.ceil(runs * share);
    await fc.assert(property, { numRuns, seed, ...(path === undefined ? {} : { path }), ...limits });
  });

  test("no move happened that is not in the table", () => {
    expect([...moves].filter((move) => !allowed.includes(move))).toEqual([]);
  });
});

test("every move of the table has a history", () => {
  expect(Object.keys(historyOf).sort()).toEqual([...allowed].sort());
});

test.each(Object.entries(historyOf))("the scripts do what the model does in %s", async (move, live) => {
  const happened = new Set<string>();
  const world = await newWorld(at, happened);
  await live(world);
  await compare(world);
  await compareAll(world);
  expect([...happened]).toContain(move);
  expect([...happened].filter((one) => !allowed.includes(one))).toEqual([]);
});
