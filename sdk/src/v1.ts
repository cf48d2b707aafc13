/** The contract: every message, enum and service of `pointsman.v1`, and the error details of `google.rpc`. */
export * from "./gen/pointsman/v1/credential_service_pb.js";
export * from "./gen/pointsman/v1/device_pb.js";
export * from "./gen/pointsman/v1/device_service_pb.js";
export * from "./gen/pointsman/v1/health_service_pb.js";
export * from "./gen/pointsman/v1/job_event_pb.js";
export * from "./gen/pointsman/v1/job_pb.js";
export * from "./gen/pointsman/v1/job_service_pb.js";
export * from "./gen/pointsman/v1/operation_pb.js";
export * from "./gen/pointsman/v1/queue_service_pb.js";
export * from "./gen/pointsman/v1/run_pb.js";
export * from "./gen/pointsman/v1/run_service_pb.js";
export * from "./gen/pointsman/v1/schedule_pb.js";
export * from "./gen/pointsman/v1/schedule_service_pb.js";
export * from "./gen/pointsman/v1/target_pb.js";
export * from "./gen/pointsman/v1/worker_service_pb.js";
export { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
export type { BadRequest, ErrorInfo, RetryInfo } from "./gen/google/rpc/error_details_pb.js";
