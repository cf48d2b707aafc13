import fc from "fast-check";
import type { Holder } from "../../../src/store/store.js";
import { one, type Seen } from "./step.js";
import type { World } from "./world.js";

/** Something was claimed. */
export const hasClaims = (seen: Seen): boolean => seen.claims > 0;

/** Mostly one that was claimed lately and so may still hold; sometimes any, which is stale; sometimes a wrong fence. */
export const holderChoice = fc.record({
  back: fc.constantFrom(0, 0, 0, 1, 1, 2, 5),
  wrong: fc.constantFrom(false, false, false, false, true),
});

/** Who holds, or held, a job. */
export function holderOf(world: World, { back, wrong }: { readonly back: number; readonly wrong: boolean }): Holder {
  const holder = one([...world.holders].reverse(), back);
  return wrong ? { ...holder, fence: String(Number(holder.fence) + 1) } : holder;
}
