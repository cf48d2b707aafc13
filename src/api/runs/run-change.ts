import type { RunRecord } from "../../domain/run.js";
import type { RunChange, RunStore } from "../../store/store.js";
import { needRun } from "./run-view.js";

/** Changes a run as it is then, however it changes meanwhile. Answers with it as it is afterwards. */
export async function changeRun(
  runs: RunStore,
  id: string,
  decide: (run: RunRecord) => RunChange | undefined,
): Promise<RunRecord> {
  for (;;) {
    const run = await needRun(runs, id);
    const change = decide(run);
    if (!change) return run;
    if (await runs.change(id, run.revision, change)) return needRun(runs, id);
  }
}
