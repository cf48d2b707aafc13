/** The client of Pointsman, the job service for network devices. */
export { Pointsman, type PointsmanOptions } from "./pointsman.js";
export type { CallOptions } from "./call.js";
export type { RetryOptions } from "./backoff.js";
export type { ListOptions, Page, PagedList } from "./page.js";
export type {
  CreatedJob,
  CreateManyResult,
  CreateOptions,
  Jobs,
  ListJobEventsOptions,
  ListJobsOptions,
  Verdict,
} from "./jobs.js";
export type { CancelOptions, CancelTotals, ReconcileResult, RetryResult, RetryTotals } from "./jobs-by-filter.js";
export type { ConfigCheckInput, ConfigureInput } from "./configure-input.js";
export type { CryptoProfileName } from "./crypto-profile.js";
export type { JobConditions, JobInput } from "./job-input.js";
export type { EndpointInput, InlineBastionInput, JobTarget, LoginInput } from "./job-target.js";
export type { CommandInput, JobWork, ReturnInput } from "./job-work.js";
export type { JobSpecInit } from "./job-spec-init.js";
export type { HttpInput, TaskInput } from "./operation-input.js";
export type { JobEventKindName } from "./event-kind.js";
export type { JobTypeFilter, ListJobTypesOptions } from "./job-types.js";
export type { JobFilterInit } from "./job-filter.js";
export type { WaitOptions } from "./job-wait.js";
export type { JobWatchItem, WatchJobOptions, WatchOptions } from "./job-watch.js";
export type { JobsWatchItem, WatchJobsOptions } from "./jobs-watch.js";
export type {
  CancelRunOptions,
  CreatedRun,
  CreateRunOptions,
  RunFilterInit,
  RunOutputsOptions,
  Runs,
  RunTargetStateName,
} from "./runs.js";
export type { RolloutInput, RunInput, RunSpecInit, RunTargetInput, SelectorInput } from "./run-input.js";
export type { RunWatchItem, WatchRunOptions } from "./run-watch.js";
export { isRunFinal } from "./run-state.js";
export type {
  BastionInput,
  CreateDevicesResult,
  DeviceFields,
  DeviceFilterInit,
  DeviceInput,
  Devices,
  LockInput,
} from "./devices.js";
export { scheduleMessage } from "./schedule-input.js";
export type { ScheduleChanges, ScheduleFields, ScheduleInit, ScheduleInput, ScheduleTiming } from "./schedule-input.js";
export type {
  CreatedSchedule,
  LatestOutput,
  LatestOutputOptions,
  PreviewOptions,
  ScheduleFilterInit,
  Schedules,
} from "./schedules.js";
export type { InZone, Queues, ZoneFilter } from "./queues.js";
export type { ChangeWindowInput, CommandRuleInput, FreezeInput, Policies } from "./policies.js";
export type { Credentials } from "./credentials.js";
export type { ListDeliveriesOptions, RedeliverResult, WebhookChanges, WebhookInput, Webhooks } from "./webhooks.js";
export {
  verifyWebhook,
  WebhookVerificationError,
  type VerifyWebhookOptions,
  type WebhookEvent,
} from "./verify-webhook.js";
export type {
  CloseSessionsOptions,
  SessionFilterInit,
  StopWorkersOptions,
  WorkerFilterInit,
  WorkerOrderOptions,
  Workers,
  WorkerSelectorInit,
  WorkersWatchItem,
} from "./workers.js";
export type { HealthChecks } from "./health.js";
export {
  ConflictError,
  InvalidArgumentError,
  NotFoundError,
  PermissionError,
  PointsmanError,
  PreconditionError,
  UnauthenticatedError,
  UnavailableError,
  type ErrorCode,
  type ErrorFacts,
  type FieldViolation,
} from "./errors.js";
export { errorReasons, type ErrorReason } from "./error-reasons.js";
export { commandResults, isFinal, taskOutput } from "./job-state.js";
export { durationFromMs, durationMs, timestampDate, timestampFromDate } from "./time.js";
export { create, fromJson, toJson } from "@bufbuild/protobuf";
