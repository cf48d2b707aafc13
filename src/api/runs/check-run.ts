import { clone } from "@bufbuild/protobuf";
import { JobSpecSchema, type RunSpec } from "@pointsman/sdk/v1";
import { type FieldProblem, invalidRequest } from "../../errors.js";
import { validateRequest } from "../calls/validate-request.js";
import { checkNodeWork } from "../jobs/check-node-work.js";
import { secretsIn } from "./run-secrets.js";
import { malformedWordIn } from "./run-words.js";

/** Targets that a run can have. */
export const mostTargets = 100_000;

/** What is wrong with a run as a whole. `field` is its path in the request. INVALID_REQUEST. */
export function checkRunSpec(spec: RunSpec, field: string): void {
  const { job } = spec;
  if (!job) throw invalidRequest({ field: `${field}.job`, description: "is required" });
  const bad = [];
  if (job.target.case !== undefined)
    bad.push({
      field: `${field}.job.${job.target.case}`,
      description: "must be empty: the run says where the work is done",
    });
  if (job.dedupeKey !== "")
    bad.push({
      field: `${field}.job.dedupe_key`,
      description: "must be empty: the jobs of a run would refuse each other",
    });
  if (spec.devices.length + spec.targets.length > mostTargets)
    bad.push({ field: `${field}.targets`, description: `a run has at most ${mostTargets} targets` });
  const { selector } = spec;
  if (
    selector &&
    !selector.all &&
    !selector.platforms.length &&
    !selector.zones.length &&
    !Object.keys(selector.labels).length
  )
    bad.push({ field: `${field}.selector`, description: "must name labels, platforms or zones, or say all" });
  if (!selector && !spec.allNodes && spec.devices.length + spec.targets.length === 0)
    bad.push({ field: `${field}.devices`, description: "name devices, targets, a selector or all_nodes" });
  bad.push(...uselessIn(spec, field), ...malformedWordsIn(spec, field), ...secretsIn(spec, field));
  if (bad.length > 0) throw invalidRequest(...bad);
  // The job is a whole one but for its target.
  const whole = clone(JobSpecSchema, job);
  whole.target = { case: "device", value: "target" };
  const own = spec.targets.find(({ operation }) => operation.case !== undefined)?.operation;
  if (whole.operation.case === undefined && own) whole.operation = own;
  validateRequest(JobSpecSchema, whole, `${field}.job`);
  checkNodeWork(job, `${field}.job`);
  spec.targets.forEach(({ operation }, index) => checkNodeWork({ operation }, `${field}.targets[${index}]`));
}

/** What was meant as a word and is none: a device would be sent it as it stands. */
function malformedWordsIn({ job, targets }: RunSpec, field: string): FieldProblem[] {
  const found = [
    { at: `${field}.job`, text: job && malformedWordIn(job) },
    ...targets.map(({ operation, labels }, index) => ({
      at: `${field}.targets[${index}]`,
      text: malformedWordIn({ operation, labels }),
    })),
  ];
  return found.flatMap(({ at, text }) =>
    text === undefined
      ? []
      : [
          {
            field: at,
            description: `"${text}" is no word, which would be like {{name}}; a variable's value may hold it`,
          },
        ],
  );
}

/** What a rollout asks for that nothing would ever bring about: whoever wrote it counts on it. */
function uselessIn({ rollout }: RunSpec, field: string): FieldProblem[] {
  if (!rollout) return [];
  const { canary, holdAfterCanary, pauseOnFailure, maxFailures, maxFailurePercent, minSuccessPercent } = rollout;
  const stops = canary + maxFailures + maxFailurePercent + minSuccessPercent > 0;
  return [
    ...(holdAfterCanary && canary === 0
      ? [{ field: `${field}.rollout.hold_after_canary`, description: "needs a canary" }]
      : []),
    ...(pauseOnFailure && !stops
      ? [
          {
            field: `${field}.rollout.pause_on_failure`,
            description:
              "needs what would stop the run: canary, max_failures, max_failure_percent or min_success_percent",
          },
        ]
      : []),
  ];
}
