import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { HealthStatus } from "@pointsman/sdk/v1";
import type { Clock } from "../../domain/clock.js";
import { problem } from "../../errors.js";
import {
  HealthCheckResponse_ServingStatus as Serving,
  HealthCheckResponseSchema,
} from "../gen/grpc/health/v1/health_pb.js";
import type { Health as GrpcHealth } from "../gen/grpc/health/v1/health_pb.js";
import type { HealthMonitor } from "./health-monitor.js";
import { changes } from "./health-service.js";

/**
 * The standard health service of gRPC, for load balancers: "" and each service by name. A service that stands alone
 * answers as long as this server does; the others need the store.
 */
export function createGrpcHealth(parts: {
  readonly monitor: HealthMonitor;
  readonly clock: Clock;
  readonly services: readonly string[];
  readonly alone: readonly string[];
}): ServiceImpl<typeof GrpcHealth> {
  const known = new Set(["", ...parts.services]);
  const alone = new Set(parts.alone);
  const status = (service: string): Serving => {
    const health = parts.monitor.current();
    const own = health.components.find(({ name }) => name === "api")?.status ?? health.status;
    const judged = alone.has(service) ? own : health.status;
    return judged === HealthStatus.NOT_SERVING ? Serving.NOT_SERVING : Serving.SERVING;
  };
  return {
    check({ service }) {
      if (!known.has(service)) throw problem("SERVICE_NOT_FOUND", "no service of this name");
      return { status: status(service) };
    },
    list: () => ({
      statuses: Object.fromEntries(Array.from(known, (service) => [service, { status: status(service) }])),
    }),
    async *watch({ service }, { signal }) {
      let sent: Serving | undefined;
      for await (const _ of changes(parts, signal)) {
        const now = known.has(service) ? status(service) : Serving.SERVICE_UNKNOWN;
        if (now === sent) continue;
        sent = now;
        yield create(HealthCheckResponseSchema, { status: now });
      }
    },
  };
}
