import type { Store } from "../../src/store/store.js";

/** Places at which a server can be made to stand still. */
export const serverPoints = ["before-create", "created", "buried", "started-due", "reconciling", "opened"] as const;

export type ServerPoint = (typeof serverPoints)[number];

/** A store with a point in it. `stand` is called when it is reached for the first time, and returns when the server may go on. */
export function createServerPoint(point: ServerPoint, stand: () => void): (store: Store) => Store {
  let reached = false;
  const reach = (here: ServerPoint): void => {
    if (here !== point || reached) return;
    reached = true;
    stand();
  };
  return (store) => ({
    ...store,
    jobs: {
      ...store.jobs,
      async create(job) {
        reach("before-create");
        const answer = await store.jobs.create(job);
        reach("created");
        return answer;
      },
    },
    upkeep: {
      ...store.upkeep,
      async tick(zone) {
        const answer = await store.upkeep.tick(zone);
        if (answer.worked > 0) reach("started-due");
        return answer;
      },
      async reconcile(...given) {
        const answer = await store.upkeep.reconcile(...given);
        if (answer.state === "SHUT") reach("reconciling");
        if (answer.state === "OPENED") reach("opened");
        return answer;
      },
      async reap(...given) {
        const answer = await store.upkeep.reap(...given);
        if (answer.buried) reach("buried");
        return answer;
      },
    },
  });
}
