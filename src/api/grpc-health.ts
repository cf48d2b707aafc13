import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { HealthStatus } from "@pointsman/sdk/v1";
import type { Clock } from "../domain/clock.js";
import { problem } from "../errors.js";
import {
  HealthCheckResponse_ServingStatus as Serving,
  HealthCheckResponseSchema,
} from "./gen/grpc/health/v1/health_pb.js";
import type { Health as GrpcHealth } from "./gen/grpc/health/v1/health_pb.js";
import type { HealthMonitor } from "./health-monitor.js";
import { changes } from "./health-service.js";

/** The standard health service of gRPC, for load balancers: "" and each service name, all of one state. */
export function createGrpcHealth(parts: {
  readonly monitor: HealthMonitor;
  readonly clock: Clock;
  readonly services: readonly string[];
}): ServiceImpl<typeof GrpcHealth> {
  const known = new Set(["", ...parts.services]);
  const status = (): Serving =>
    parts.monitor.current().status === HealthStatus.NOT_SERVING ? Serving.NOT_SERVING : Serving.SERVING;
  return {
    check({ service }) {
      if (!known.has(service)) throw problem("SERVICE_NOT_FOUND", "no service of this name");
      return { status: status() };
    },
    list: () => ({ statuses: Object.fromEntries(Array.from(known, (service) => [service, { status: status() }])) }),
    async *watch({ service }, { signal }) {
      let sent: Serving | undefined;
      for await (const _ of changes(parts, signal)) {
        const now = known.has(service) ? status() : Serving.SERVICE_UNKNOWN;
        if (now === sent) continue;
        sent = now;
        yield create(HealthCheckResponseSchema, { status: now });
      }
    },
  };
}
