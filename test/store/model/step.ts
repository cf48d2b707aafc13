import fc from "fast-check";
import { compare, type World } from "./world.js";

/** What fast-check keeps beside the store: how often things happened, so that a command can tell whether it applies. */
export interface Seen {
  jobs: number;
  claims: number;
  intents: number;
}

/** A command on the model and the store. */
export type Step = fc.AsyncCommand<Seen, World>;

/** Between two commands, so that each has a microsecond of its own. */
const tickMs = 0.05;

/** A command that does `run` on both and compares everything that can be seen. */
export function step(
  name: string,
  arg: unknown,
  run: (world: World, seen: Seen) => Promise<void>,
  when = (_: Seen) => true,
): Step {
  return {
    check: (seen) => when(seen),
    async run(seen, world) {
      // Clean thousandths: what is left behind them would give two commands of one step the same moment.
      world.at.time.now = Number((world.at.time.now + tickMs).toFixed(3));
      await run(world, seen);
      await compare(world);
    },
    toString: () => `${name}(${JSON.stringify(arg)})`,
  };
}

/** One of a list by a number that may be any, so that a shortened history still refers to something. */
export function one<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new Error("there is none to choose from");
  return found;
}

/** Any number, for `one`. */
export const index = fc.nat({ max: 40 });
