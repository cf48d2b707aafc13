import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { RunSpecSchema } from "@pointsman/sdk/v1";
import { isRunFinal } from "../../domain/run-state.js";
import { nextAfterEnd } from "../../domain/schedule-plan.js";
import type { Firing } from "../../store/store.js";
import { itemError } from "../calls/item-error.js";
import type { JobCreation } from "../jobs/job-wish.js";
import { changeRun } from "../runs/run-change.js";
import { createRun } from "../runs/run-create.js";

/** Why a run could not be started. */
export interface StartRefusal {
  readonly reason: string;
  readonly message: string;
}

/** Creates the runs that schedules fire. */
export interface RunStarter {
  /**
   * Creates a run and notes it, or notes why it cannot be, and says so; a second time changes nothing. Throws when it is
   * worth another try.
   */
  start(firing: Firing): Promise<StartRefusal | undefined>;
}

/** Makes a starter that creates runs as CreateRun does, in the name of the schedule's creator. */
export function createRunStarter(parts: JobCreation): RunStarter {
  const { schedules, runs } = parts.store;

  async function create(firing: Firing): Promise<StartRefusal | undefined> {
    try {
      await createRun(parts, {
        ...{ id: firing.run, spec: fromBinary(RunSpecSchema, firing.spec), creator: firing.creator },
        ...{ scope: "schedules", requestId: firing.run, schedule: firing.schedule, scheduledMs: firing.timeMs },
      });
      return undefined;
    } catch (error) {
      if (
        !(error instanceof ConnectError) ||
        error.code === Code.Unavailable ||
        error.code === Code.ResourceExhausted
      ) {
        throw error;
      }
      const { reason, message } = itemError(error, "");
      return { reason, message };
    }
  }

  async function refuse(firing: Firing, refusal: StartRefusal): Promise<void> {
    const [schedule, nowMs] = await Promise.all([schedules.get(firing.schedule), schedules.now()]);
    const next = schedule && nextAfterEnd(schedule, nowMs);
    const pauseAfterFailures = schedule?.rule.pauseAfterFailures ?? 0;
    await schedules.refused(firing.run, refusal, { pauseAfterFailures, ...(next && { next }) });
  }

  async function cancel(id: string): Promise<void> {
    const why = { reason: "the next run of the schedule came", changedBy: "" };
    await changeRun(runs, id, ({ state, interrupt }) =>
      isRunFinal(state) || (state === "CANCELLING" && interrupt)
        ? undefined
        : { state: "CANCELLING", interrupt: true, leaveRest: true, ...why },
    );
  }

  return {
    async start(firing) {
      for (const id of firing.cancels) if (await runs.get(id)) await cancel(id);
      const refusal = await create(firing);
      if (refusal) await refuse(firing, refusal);
      else await schedules.started(firing.run);
      return refusal;
    },
  };
}
