import type { Tools } from "../../src/worker/tools.js";

/** For workers that are given work on devices alone: they run no programs and call nobody. */
export const noTools: Tools = {
  programs: {
    run() {
      throw new Error("this worker runs no programs");
    },
  },
  shellCommands: [],
  programHome: { env: {}, directory: "/" },
  outbound: { post: () => Promise.reject(new Error("this worker calls nobody")) },
};
