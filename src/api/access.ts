import type { Role } from "../store/store.js";

/** What a method needs: a role at least, or nothing at all. */
export type Access = Role | "anyone";

/**
 * Who may call what. A method that is not here is refused to everyone. Readers read; operators also run work and settle
 * its outcome; the inventory, its host keys and its logins, and the workers belong to admins.
 */
export const accessTable: Readonly<Record<string, Access>> = {
  "/pointsman.v1.JobService/CreateJob": "operator",
  "/pointsman.v1.JobService/BatchCreateJobs": "operator",
  "/pointsman.v1.JobService/GetJob": "reader",
  "/pointsman.v1.JobService/BatchGetJobs": "reader",
  "/pointsman.v1.JobService/ListJobs": "reader",
  "/pointsman.v1.JobService/CountJobs": "reader",
  "/pointsman.v1.JobService/CancelJob": "operator",
  "/pointsman.v1.JobService/CancelJobs": "operator",
  "/pointsman.v1.JobService/ResolveJob": "operator",
  "/pointsman.v1.JobService/RetryJob": "operator",
  "/pointsman.v1.JobService/RetryJobs": "operator",
  "/pointsman.v1.JobService/ReconcileJobs": "operator",
  "/pointsman.v1.JobService/DeleteJob": "operator",
  "/pointsman.v1.JobService/UndeleteJob": "operator",
  "/pointsman.v1.JobService/ListJobTypes": "reader",
  "/pointsman.v1.JobService/ListJobEvents": "reader",
  "/pointsman.v1.JobService/WatchJob": "reader",
  "/pointsman.v1.JobService/WatchJobs": "reader",
  "/pointsman.v1.RunService/CreateRun": "operator",
  "/pointsman.v1.RunService/GetRun": "reader",
  "/pointsman.v1.RunService/ListRuns": "reader",
  "/pointsman.v1.RunService/ListRunTargets": "reader",
  "/pointsman.v1.RunService/CancelRun": "operator",
  "/pointsman.v1.RunService/PauseRun": "operator",
  "/pointsman.v1.RunService/ResumeRun": "operator",
  "/pointsman.v1.RunService/RetryRun": "operator",
  "/pointsman.v1.RunService/GetRunOutputs": "reader",
  "/pointsman.v1.RunService/WatchRun": "reader",
  "/pointsman.v1.ScheduleService/CreateSchedule": "operator",
  "/pointsman.v1.ScheduleService/GetSchedule": "reader",
  "/pointsman.v1.ScheduleService/ListSchedules": "reader",
  "/pointsman.v1.ScheduleService/UpdateSchedule": "operator",
  "/pointsman.v1.ScheduleService/DeleteSchedule": "operator",
  "/pointsman.v1.ScheduleService/PauseSchedule": "operator",
  "/pointsman.v1.ScheduleService/ResumeSchedule": "operator",
  "/pointsman.v1.ScheduleService/TriggerSchedule": "operator",
  "/pointsman.v1.ScheduleService/PreviewSchedule": "reader",
  "/pointsman.v1.ScheduleService/BackfillSchedule": "operator",
  "/pointsman.v1.ScheduleService/ListScheduleHistory": "reader",
  "/pointsman.v1.ScheduleService/GetLatestOutput": "reader",
  "/pointsman.v1.DeviceService/CreateDevice": "admin",
  "/pointsman.v1.DeviceService/BatchCreateDevices": "admin",
  "/pointsman.v1.DeviceService/GetDevice": "reader",
  "/pointsman.v1.DeviceService/ListDevices": "reader",
  "/pointsman.v1.DeviceService/UpdateDevice": "admin",
  "/pointsman.v1.DeviceService/DeleteDevice": "admin",
  "/pointsman.v1.DeviceService/AcceptHostKey": "admin",
  "/pointsman.v1.DeviceService/LockDevice": "operator",
  "/pointsman.v1.DeviceService/UnlockDevice": "operator",
  "/pointsman.v1.DeviceService/ResetBreaker": "operator",
  "/pointsman.v1.DeviceService/ListPlatforms": "reader",
  "/pointsman.v1.QueueService/ListQueues": "reader",
  "/pointsman.v1.QueueService/GetQueue": "reader",
  "/pointsman.v1.QueueService/PauseQueue": "operator",
  "/pointsman.v1.QueueService/ResumeQueue": "operator",
  "/pointsman.v1.QueueService/ListLimits": "reader",
  "/pointsman.v1.QueueService/SetLimit": "admin",
  "/pointsman.v1.PolicyService/CreateFreeze": "operator",
  "/pointsman.v1.PolicyService/ListFreezes": "reader",
  "/pointsman.v1.PolicyService/DeleteFreeze": "operator",
  "/pointsman.v1.PolicyService/CreateChangeWindow": "admin",
  "/pointsman.v1.PolicyService/ListChangeWindows": "reader",
  "/pointsman.v1.PolicyService/DeleteChangeWindow": "admin",
  "/pointsman.v1.PolicyService/StopChanges": "operator",
  "/pointsman.v1.PolicyService/AllowChanges": "operator",
  "/pointsman.v1.PolicyService/GetChangeStop": "reader",
  "/pointsman.v1.CredentialService/CreateCredential": "admin",
  "/pointsman.v1.CredentialService/UpdateCredential": "admin",
  "/pointsman.v1.CredentialService/ListCredentials": "reader",
  "/pointsman.v1.CredentialService/DeleteCredential": "admin",
  "/pointsman.v1.WorkerService/ListWorkers": "reader",
  "/pointsman.v1.WorkerService/GetWorker": "reader",
  "/pointsman.v1.WorkerService/WatchWorkers": "reader",
  "/pointsman.v1.WorkerService/SuspendWorkers": "admin",
  "/pointsman.v1.WorkerService/ResumeWorkers": "admin",
  "/pointsman.v1.WorkerService/StopWorkers": "admin",
  "/pointsman.v1.WorkerService/ForgetWorker": "admin",
  "/pointsman.v1.HealthService/Check": "reader",
  "/pointsman.v1.HealthService/Watch": "reader",
  "/grpc.health.v1.Health/Check": "anyone",
  "/grpc.health.v1.Health/List": "anyone",
  "/grpc.health.v1.Health/Watch": "anyone",
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "reader",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "reader",
};

/** What the event stream of a job for `curl` and browsers needs. */
export const eventStreamAccess: Access = "reader";

const rank: Readonly<Record<Role, number>> = { reader: 1, operator: 2, admin: 3 };

/** Whether a role reaches an access. */
export function reaches(role: Role, access: Access): boolean {
  return access === "anyone" || rank[role] >= rank[access];
}
