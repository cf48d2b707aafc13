import fc from "fast-check";
import { steps } from "./commands.js";
import { gateSteps } from "./gate-commands.js";
import type { Step } from "./step.js";
import { control } from "./worker-commands.js";

/** How long histories are, and the printed path of one to go straight to. */
export interface Length {
  readonly maxCommands: number;
  readonly replayPath?: string;
}

type Histories = fc.Arbitrary<Iterable<Step>>;

function made(of: readonly fc.Arbitrary<Step>[], length: Length): Histories {
  return fc.commands([...of], { size: "max", ...length });
}

/** Mostly work, now and then something that a person or a failure does. */
export function histories(length: Length): Histories {
  const { create, claim, finish, intent, append, tick, createCrowded: _, ...rare } = steps;
  const often = [create, create, create, create, claim, claim, claim, finish, finish, intent, append, tick];
  return made([...often, ...often, ...Object.values(rare), rare.cancel, rare.setLimit, control], length);
}

/** About limits: every job has a queue and a site, and people move the limits and freeze changes all the time. */
export function crowdedHistories(length: Length): Histories {
  const { createCrowded, claim, finish, finishTogether, setLimit, pause, freeze, thaw, cancel, release, tick } = steps;
  const busy = [createCrowded, createCrowded, claim, claim, finish, finishTogether];
  return made(
    [...busy, ...busy, setLimit, setLimit, pause, pause, freeze, freeze, thaw, cancel, release, tick],
    length,
  );
}

/** About losses: workers die with work before and after its point of no return, and people settle it. */
export function lossyHistories(length: Length): Histories {
  const { create, claim, intent, reap, register, finish, append, cancel, resolve, release, tick, lock, beat } = steps;
  const busy = [create, create, claim, claim, intent, intent, reap, register, finish, append];
  return made([...busy, ...busy, cancel, resolve, resolve, release, tick, lock, beat, control], length);
}

/** About a Redis that comes back with another history: journals are told, devices held, gates opened. */
export function returningHistories(length: Length): Histories {
  const { create, claim, intent, finish, append, reap, register, resolve, cancel, beat, tick } = steps;
  const { newHistory, reconcile, registerUnseen, replay, replayForgotten, settle, replayed, lift } = gateSteps;
  const busy = [create, create, claim, claim, intent, intent, finish, newHistory, reconcile, replay, replay];
  const rest = [
    append,
    reap,
    register,
    resolve,
    cancel,
    beat,
    tick,
    settle,
    replayed,
    replayed,
    replayForgotten,
    replayForgotten,
    reconcile,
    lift,
    registerUnseen,
  ];
  return made([...busy, ...busy, ...rest], length);
}
