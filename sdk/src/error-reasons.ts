/**
 * Every reason an error can carry, with the Connect code it comes with and what it means. `job` reasons stand in a
 * job's `error.reason`; the others come with a refused call, in `google.rpc.ErrorInfo` of domain "pointsman".
 * A reason is never renamed and never changes its meaning.
 */
export const errorReasons = {
  INVALID_REQUEST: { code: "invalid_argument", meaning: "A field of the request is wrong; BadRequest names it." },
  INVALID_PAGE_TOKEN: { code: "invalid_argument", meaning: "The page token is damaged or belongs to another request." },
  INVALID_CURSOR: { code: "invalid_argument", meaning: "The cursor is damaged or belongs to another watch." },
  REQUEST_ID_REQUIRED: {
    code: "invalid_argument",
    meaning: "At-most-once work needs a request_id, so that repeating a call whose answer was lost does nothing twice.",
  },
  NOT_READ_ONLY: { code: "invalid_argument", meaning: "on_reject CONTINUE is for read-only work alone." },
  UNKNOWN_PLATFORM: { code: "invalid_argument", meaning: "No platform of this name; see ListPlatforms." },
  REQUEST_ID_REUSED: { code: "already_exists", meaning: "The request_id was used before with another request." },
  DEVICE_EXISTS: { code: "already_exists", meaning: "A device of this name exists." },
  ENDPOINT_TAKEN: { code: "already_exists", meaning: "Another device has this endpoint; metadata names it." },
  CREDENTIAL_EXISTS: { code: "already_exists", meaning: "A credential of this name exists." },
  SCHEDULE_EXISTS: { code: "already_exists", meaning: "A schedule of this name exists." },
  SCHEDULE_NOT_FOUND: { code: "not_found", meaning: "No schedule of this name." },
  SCHEDULE_CHANGED: {
    code: "aborted",
    meaning: "The schedule was changed meanwhile; read it again. Metadata holds its version.",
  },
  RUN_REFUSED: {
    code: "failed_precondition",
    meaning: "The run of the schedule could not be started; metadata holds the reason, such as NO_TARGETS.",
  },
  NO_OUTPUT_YET: {
    code: "not_found",
    meaning: "No run of the schedule is complete, or none was started; ask for a partial one, or later.",
  },
  POLICY_EXISTS: { code: "already_exists", meaning: "A freeze, a window or a rule of this name exists." },
  WEBHOOK_EXISTS: { code: "already_exists", meaning: "A webhook of this name exists." },
  WEBHOOK_NOT_FOUND: { code: "not_found", meaning: "No webhook of this name." },
  JOB_NOT_FOUND: { code: "not_found", meaning: "No job of this id." },
  RUN_NOT_FOUND: { code: "not_found", meaning: "No run of this id." },
  DEVICE_NOT_FOUND: { code: "not_found", meaning: "No device of this name." },
  NODE_NOT_FOUND: { code: "not_found", meaning: "No worker runs on a node of this name, or did within the last hour." },
  TASK_TYPE_NOT_FOUND: {
    code: "not_found",
    meaning:
      "No worker of the zone has loaded a task of this name, or had within the last hour; metadata names zones where one has.",
  },
  WORKER_NOT_FOUND: { code: "not_found", meaning: "No worker of this name, and nothing is held for one." },
  WORKER_STOPPING: {
    code: "failed_precondition",
    meaning: "The worker was told to stop, and that is not taken back; metadata names it.",
  },
  WORKER_LIVES: {
    code: "failed_precondition",
    meaning: "The worker lives, so it cannot be given up: its journal is there. Stop it first; metadata names it.",
  },
  TOO_MANY_DEVICES: {
    code: "failed_precondition",
    meaning: "The workers hold more devices than max_affected_devices; metadata holds the counts.",
  },
  SESSIONS_IN_USE: {
    code: "failed_precondition",
    meaning: "Jobs run on the devices of the sessions, and interrupt_running is not set; metadata names some of them.",
  },
  POLICY_NOT_FOUND: { code: "not_found", meaning: "No freeze, window or rule of this name." },
  CREDENTIAL_NOT_FOUND: { code: "not_found", meaning: "No credential of this name." },
  JOB_NOT_INDETERMINATE: {
    code: "failed_precondition",
    meaning: "Only a job whose outcome is unknown can be resolved.",
  },
  JOB_ALREADY_RESOLVED: {
    code: "failed_precondition",
    meaning: "The outcome was resolved before; it is written once.",
  },
  CONFIRM_TIMER_RUNNING: {
    code: "failed_precondition",
    meaning: "The device may still take the change back by itself; metadata says until when. Resolve it after that.",
  },
  JOB_NOT_FINAL: { code: "failed_precondition", meaning: "The job has not ended yet; wait for it or cancel it first." },
  RUN_NOT_FINAL: { code: "failed_precondition", meaning: "The run has not ended yet; wait for it or cancel it first." },
  RUN_FINAL: { code: "failed_precondition", meaning: "The run has ended." },
  NO_TARGETS: {
    code: "failed_precondition",
    meaning: "No target is left to work on: the selector meets no device, or every target was refused.",
  },
  TARGETS_REJECTED: {
    code: "failed_precondition",
    meaning: "A target of an all_or_nothing run was refused; metadata names the first.",
  },
  DUPLICATE_TARGET: { code: "invalid_argument", meaning: "The run names this device before." },
  WORD_MISSING: { code: "invalid_argument", meaning: "A {{word}} of the run has no value for this target." },
  JOB_NOT_RESOLVED: {
    code: "failed_precondition",
    meaning: "The outcome of the job is unknown; say what became of it with ResolveJob first.",
  },
  SECRET_ERASED: {
    code: "failed_precondition",
    meaning: "The job came with its own login, which was erased at its end; create it anew.",
  },
  DEVICE_MOVED: {
    code: "failed_precondition",
    meaning: "The device is in another zone than the job ran in; create the job anew. Metadata names the zone.",
  },
  CONSENT_REQUIRED: {
    code: "failed_precondition",
    meaning:
      "What is asked is known from documents only, or can reboot the device: it needs accept_unproven or accept_reboot. Also of jobs.",
  },
  COMMAND_DENIED: {
    code: "permission_denied",
    meaning:
      "A command rule or the platform's list of dangerous commands denies a line; BadRequest names it, metadata holds rule and pattern. Nothing was sent. Also of jobs.",
  },
  CANNOT_RESTORE: {
    code: "failed_precondition",
    meaning:
      "The job kept no configuration to go back to, or lines of it hold secrets, which are not kept. Also of jobs.",
  },
  DUPLICATE_JOB: { code: "already_exists", meaning: "A live job has the same dedupe_key; metadata names it." },
  DEVICE_LOCKED: {
    code: "failed_precondition",
    meaning: "Somebody else has locked the device; metadata names who. Also of jobs that were not to wait.",
  },
  DEVICE_NOT_LOCKED: { code: "failed_precondition", meaning: "The device is not locked." },
  QUEUE_NOT_FOUND: { code: "not_found", meaning: "No queue of this name." },
  DEVICE_HAS_LIVE_JOBS: {
    code: "failed_precondition",
    meaning: "Jobs wait or run on the device, or it is held; end or resolve them first.",
  },
  CREDENTIAL_IN_USE: { code: "failed_precondition", meaning: "A device uses the credential; metadata names one." },
  INLINE_ENDPOINTS_FORBIDDEN: {
    code: "permission_denied",
    meaning: "This installation runs work on inventory devices alone.",
  },
  UNAUTHENTICATED: { code: "unauthenticated", meaning: "No API key, or one that is not known." },
  PERMISSION_DENIED: { code: "permission_denied", meaning: "The key's role may not do this." },
  HISTORY_GONE: { code: "out_of_range", meaning: "The history behind this cursor is gone; start from a snapshot." },
  TOO_MANY_POLICIES: { code: "resource_exhausted", meaning: "There are 500 policies; delete some first." },
  TOO_MANY_WEBHOOKS: { code: "resource_exhausted", meaning: "There are 100 webhooks; delete some first." },
  REQUEST_TOO_LARGE: { code: "resource_exhausted", meaning: "The request is larger than 4 MiB." },
  STORE_UNAVAILABLE: { code: "unavailable", meaning: "Redis cannot be reached or does not answer in time." },
  STORE_RECONCILING: {
    code: "unavailable",
    meaning:
      "Redis came back with another history, and changes wait until the workers' journals are read: some seconds, or as long as one is missing.",
  },
  STORE_FULL: {
    code: "resource_exhausted",
    meaning: "Redis has used 80 % of its maxmemory: no new work is accepted; what was accepted goes on.",
  },
  STORE_UNFIT: {
    code: "failed_precondition",
    meaning:
      "Redis is set so that it takes no work that must not run twice; the message says what and what to do. Also of attempts.",
  },
  NOT_REPLICATED: {
    code: "unavailable",
    meaning:
      "Too few replicas of Redis acknowledged a REPLICATED job in time. It may exist: repeat the call with its request_id. Also of attempts, which sent nothing then.",
  },
  SHUTTING_DOWN: { code: "unavailable", meaning: "This server is stopping; go on with another, from the cursor." },
  INTERNAL: { code: "internal", meaning: "A fault of the service; its log holds the request id." },
  METHOD_NOT_FOUND: { code: "unimplemented", meaning: "No such method, or not in the way it was called." },
  SERVICE_NOT_FOUND: { code: "not_found", meaning: "No service of this name to ask the health of." },
  DEADLINE_EXCEEDED: { code: "deadline_exceeded", meaning: "The caller's own deadline passed." },
  CALL_CANCELLED: { code: "canceled", meaning: "The caller went away." },
  RESPONSE_TOO_LARGE: { code: "resource_exhausted", meaning: "The answer is too large; ask for less at a time." },

  DEVICE_HELD: {
    code: "job",
    meaning: "The device is held for a job whose outcome is unknown, and this one was not to wait.",
  },
  QUEUE_PAUSED: { code: "job", meaning: "The queue is paused, and the job was not to wait." },
  LIMIT_REACHED: { code: "job", meaning: "A limit on parallel work is reached, and the job was not to wait." },
  CHANGES_FROZEN: {
    code: "job",
    meaning: "A freeze, a change window or a stop keeps changes from starting, and the job was not to wait.",
  },
  CHANGES_STOPPED: {
    code: "job",
    meaning:
      "Changes were stopped everywhere while it ran; it stopped before its next line. `effect` says how far it was.",
  },
  DEVICE_UNREACHABLE: {
    code: "job",
    meaning: "No answer from the device within the connect timeout, or one that is not SSH; device_message holds it.",
  },
  CONNECTION_REFUSED: { code: "job", meaning: "The device's port refused the connection." },
  CONNECT_RATE_LIMITED: { code: "job", meaning: "The device turned the connection away before the login." },
  KEX_MISMATCH: {
    code: "job",
    meaning: "No algorithm that both sides accept; device_message holds what the other side offers.",
  },
  FORWARDING_REFUSED: {
    code: "job",
    meaning: "A bastion on the way lets no connection through; metadata names it as hop. Not retried.",
  },
  HOST_KEY_UNKNOWN: {
    code: "job",
    meaning: "The host key is not known; metadata holds its fingerprint. No password was sent.",
  },
  HOST_KEY_CHANGED: {
    code: "job",
    meaning:
      "The host key is another than the known one. No command was sent, and no password where one was known before.",
  },
  AUTHENTICATION_FAILED: { code: "job", meaning: "The device refused the login. Not retried." },
  PRIVILEGE_DENIED: { code: "job", meaning: "The device refused the privileged mode." },
  PROMPT_NOT_FOUND: { code: "job", meaning: "The prompt of the platform did not appear." },
  UNEXPECTED_QUESTION: { code: "job", meaning: "The device asked something that the job has no answer for." },
  DEVICE_REJECTED: { code: "job", meaning: "The device rejected a command; device_message holds its words." },
  OUTPUT_TIMEOUT: { code: "job", meaning: "The device was silent for longer than the idle timeout." },
  EXECUTION_TIMEOUT: { code: "job", meaning: "The attempt took longer than the execution timeout." },
  OUTPUT_TOO_LARGE: { code: "job", meaning: "The output passed the job's limit and was cut." },
  DISCONNECTED: { code: "job", meaning: "The connection was lost during the work." },
  BREAKER_OPEN: {
    code: "job",
    meaning:
      "Nobody connects to the device, through its bastion, or with its credential, after failures in a row, and the job was not to wait.",
  },
  SESSION_LIMIT: { code: "job", meaning: "The device has no free line for another session." },
  ADDRESS_REFUSED: {
    code: "job",
    meaning:
      "The URL leads within the house, to a host that is not allowed, or is redirected to another; nothing was sent.",
  },
  CALLBACK_FAILED: { code: "job", meaning: "The URL did not answer, or not with success; metadata holds the status." },
  PROGRAM_FAILED: { code: "job", meaning: "The program ended with another status than 0, or by a signal." },
  PROGRAM_NOT_STARTED: { code: "job", meaning: "The program could not be started: there is none, or not for us." },
  SHELL_FORBIDDEN: { code: "job", meaning: "The worker does not allow this program (worker.shell_commands)." },
  TASK_FAILED: { code: "job", meaning: "The task threw an error; metadata holds its name and its own code." },
  TASK_CRASHED: { code: "job", meaning: "The task ended its thread, or used more memory than it may." },
  TASK_DEFERRED: { code: "job", meaning: "The task put itself off, or did so too often; it says why." },
  TASK_INPUT_INVALID: {
    code: "job",
    meaning: "The input does not fit the schema of the worker's own version of the task; nothing was done.",
  },
  TASK_OUTPUT_INVALID: { code: "job", meaning: "What the task answered does not fit its schema, or is no JSON." },
  TASK_MISUSED: {
    code: "job",
    meaning: "The task asked for what it may not have, such as a change in a task that declares READ_ONLY.",
  },
  QUEUE_TIMEOUT: { code: "job", meaning: "No worker could take the job in time." },
  WORKER_LOST: { code: "job", meaning: "The worker died or lost its lease during the work." },
  JOURNAL_UNAVAILABLE: {
    code: "job",
    meaning:
      "The worker cannot write its journal, such as on a full disk: nothing was sent, and the change is tried again, by any worker, while its queue timeout runs.",
  },
  SESSION_CLOSED: { code: "job", meaning: "Somebody closed the job's session during the work (CloseSessions)." },
  CREDENTIAL_UNAVAILABLE: { code: "job", meaning: "The credential is missing or cannot be opened." },
  DEVICE_GONE: { code: "job", meaning: "The device was removed from the inventory, or moved to another endpoint." },
  EFFECT_UPGRADED: {
    code: "job",
    meaning: "The worker's platform data does not see the work as read-only, as the server did.",
  },
  UNSUPPORTED_BY_PLATFORM: { code: "job", meaning: "The platform cannot do this." },
  PLAN_CHANGED: {
    code: "job",
    meaning: "The lines or the running configuration are not those of the plan; nothing was changed.",
  },
  DEVICE_IDENTITY_MISMATCH: {
    code: "job",
    meaning: "The device does not say it is the one that is expected; metadata says what it told. Nothing was sent.",
  },
  DEVICE_NOT_RETURNED: {
    code: "job",
    meaning: "The device that was to go away and return did not go, or was not back in time.",
  },
  CHECK_FAILED: { code: "job", meaning: "A check before or after the change did not hold; the result says which." },
  CANCELLED: { code: "job", meaning: "The work was stopped on request." },
} as const satisfies Record<string, { code: string; meaning: string }>;

/** A reason that an error can carry. */
export type ErrorReason = keyof typeof errorReasons;
