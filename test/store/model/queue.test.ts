import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allowedMoves, jobStates } from "../../../src/domain/job-state.js";
import { openTestStore, type TestStore } from "../../support/store.js";
import { crowdedHistories, histories, type Seen, type Step } from "./commands.js";
import { compareAll, newWorld, type World } from "./world.js";

/** How many histories; the same seed gives the same ones. */
const runs = Number(process.env["MODEL_RUNS"] ?? 2_000);
const seed = Number(process.env["MODEL_SEED"] ?? Date.now() % 1_000_000_000);
/** The path and replayPath that a failure printed go straight to its shortened history. */
const path = process.env["MODEL_PATH"];
const replay = process.env["MODEL_REPLAY"];

let at: TestStore;

beforeAll(async () => {
  at = await openTestStore();
});
afterAll(() => at.close());

/** Lives through random histories; gives the moves between states that happened in them. */
async function live(kind: fc.Arbitrary<Iterable<Step>>, numRuns: number): Promise<ReadonlySet<string>> {
  const moves = new Set<string>();
  const property = fc.asyncProperty(kind, async (history) => {
    let world: World | undefined;
    const setup = async (): Promise<{ model: Seen; real: World }> => {
      world = await newWorld(at, moves);
      return { model: { jobs: 0, claims: 0 }, real: world };
    };
    await fc.asyncModelRun(setup, history);
    if (world) await compareAll(world);
  });
  const limits = { interruptAfterTimeLimit: 580_000, markInterruptAsFailure: true };
  await fc.assert(property, { numRuns, seed, ...(path === undefined ? {} : { path }), ...limits });
  return moves;
}

const promise = `in random histories (MODEL_RUNS=${runs} MODEL_SEED=${seed})`;

test(`the scripts do what the model does, ${promise}`, { timeout: 600_000 }, async () => {
  const moves = await live(histories(25, replay), runs);
  // Every move of the table happened, and no other but that of a job which is not to wait and is refused at the door.
  const allowed = jobStates.flatMap((from) => allowedMoves[from].map((to) => `${from} → ${to}`));
  if (runs >= 2_000) expect([...moves].sort()).toEqual([...new Set([...allowed, "QUEUED → FAILED"])].sort());
});

test(`also where limits are full and move, ${promise}`, { timeout: 600_000 }, async () => {
  const moves = await live(crowdedHistories(30, replay), Math.ceil(runs / 4));
  expect(moves).toContain("RUNNING → QUEUED");
});
