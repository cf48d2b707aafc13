import type { Tools } from "../../src/worker/tools.js";

/** For workers that are given work on devices alone: they run no programs and no tasks, and call nobody. */
export const noTools: Tools = {
  programs: {
    run() {
      throw new Error("this worker runs no programs");
    },
  },
  shellCommands: [],
  programHome: { env: {}, directory: "/" },
  node: "h",
  tasks: {
    types: new Map(),
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    problemOf: () => undefined,
    run() {
      throw new Error("this worker runs no tasks");
    },
  },
  children: {
    prepare: () => Promise.reject(new Error("this worker runs no tasks")),
    create: () => Promise.reject(new Error("this worker runs no tasks")),
    ended: () => Promise.reject(new Error("this worker runs no tasks")),
    cancel: () => Promise.reject(new Error("this worker runs no tasks")),
  },
  outbound: { post: () => Promise.reject(new Error("this worker calls nobody")) },
};
