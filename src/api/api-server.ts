import type { ConnectRouter } from "@connectrpc/connect";
import {
  CredentialService,
  DeviceService,
  type Health as ServiceHealth,
  HealthService,
  JobService,
  PolicyService,
  QueueService,
  RunService,
  ScheduleService,
  WebhookService,
  WorkerService,
} from "@pointsman/sdk/v1";
import type { Logger } from "pino";
import type { Calendar } from "../domain/calendar.js";
import type { Clock, Random } from "../domain/clock.js";
import { problem } from "../errors.js";
import type { AddressRule } from "../outbound/address-rule.js";
import type { Sealer } from "../secrets/sealer.js";
import type { Store } from "../store/store.js";
import { countCalls } from "./calls/call-figures.js";
import { createAuthenticate } from "./http/authenticate.js";
import { type CallObserver, observeTogether } from "./calls/call-observer.js";
import { createCredentialService } from "./devices/credential-service.js";
import { createDeviceService } from "./devices/device-service.js";
import { Health } from "./gen/grpc/health/v1/health_pb.js";
import { createGrpcHealth } from "./health/grpc-health.js";
import { createCallGuard } from "./calls/guard-calls.js";
import { createHealthMonitor } from "./health/health-monitor.js";
import { createHealthService } from "./health/health-service.js";
import { createJobService } from "./jobs/job-service.js";
import { assertSafeToServe, isLoopbackHost } from "./calls/loopback.js";
import { type ConnectionLimits, createOnePortServer, type TlsOptions } from "./http/one-port-server.js";
import { createPlainRoutes, type MetricsText } from "./http/plain-routes.js";
import type { PlatformCatalogue } from "./devices/platform-catalogue.js";
import { createPolicyService } from "./policies/policy-service.js";
import { createQueueService } from "./workers/queue-service.js";
import { reflectionRoutes } from "./http/reflection.js";
import { createRequestHandler } from "./http/request-handler.js";
import { createRunService } from "./runs/run-service.js";
import { createScheduleService } from "./schedules/schedule-service.js";
import { createRunStarter } from "./schedules/schedule-starter.js";
import { createWebhookService } from "./webhooks/webhook-service.js";
import { createWorkerService } from "./workers/worker-service.js";

/** What the server is made of. */
export interface ApiServerOptions {
  readonly store: Store;
  readonly sealer: Sealer;
  readonly platforms: PlatformCatalogue;
  readonly clock: Clock;
  readonly random: Random;
  readonly calendar: Calendar;
  /** Which addresses webhooks may lead to. */
  readonly addresses: AddressRule;
  readonly logger: Logger;
  /** Version of this server, as health tells it. */
  readonly version: string;
  /** Refuses jobs for devices that are not in the inventory. */
  readonly forbidInlineEndpoints: boolean;
  /** What devices without a policy of their own keep to. */
  readonly defaultHostKeyPolicy: "strict" | "accept-new";
  /** Serves TLS instead of clear text. */
  readonly tls?: TlsOptions;
  readonly limits?: ConnectionLimits;
  /** Is told of every call. */
  readonly calls?: CallObserver;
  /** What `/metrics` answers, to callers with a key. */
  readonly metrics?: () => Promise<MetricsText>;
}

/** The whole API on one port. */
export interface ApiServer {
  /** Starts to serve; port 0 takes a free one. Rejects with one clear line where serving would not be safe. */
  listen(at: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly host: string; readonly port: number }>;
  /** New connections get this certificate. Only where the server speaks TLS. */
  renewTls(tls: TlsOptions): void;
  /** The state of the parts as last seen. */
  health(): ServiceHealth;
  /** Ends watches with SHUTTING_DOWN, lets other calls end, and cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** A server over a store. It keeps nothing itself: any number of them serve one store. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { store, sealer, clock, random, logger } = options;
  const shutdown = new AbortController();
  const counted = countCalls(clock);
  const monitor = createHealthMonitor({ store, clock, version: options.version, calls: counted.figures });
  let open = false;

  const services = [
    JobService,
    RunService,
    ScheduleService,
    DeviceService,
    QueueService,
    PolicyService,
    CredentialService,
    WebhookService,
    WorkerService,
    HealthService,
    Health,
  ] as const;
  const routes = (router: ConnectRouter): void => {
    router.service(JobService, createJobService(options));
    router.service(RunService, createRunService(options));
    router.service(ScheduleService, createScheduleService({ ...options, starter: createRunStarter(options) }));
    router.service(DeviceService, createDeviceService(options));
    router.service(QueueService, createQueueService({ store, clock }));
    router.service(PolicyService, createPolicyService(options));
    router.service(CredentialService, createCredentialService({ credentials: store.credentials, sealer }));
    router.service(WebhookService, createWebhookService(options));
    router.service(WorkerService, createWorkerService({ store, clock }));
    router.service(HealthService, createHealthService({ monitor, clock }));
    const names = services.map((service) => service.typeName);
    router.service(
      Health,
      createGrpcHealth({ monitor, clock, services: names, alone: [HealthService.typeName, Health.typeName] }),
    );
    reflectionRoutes(router, services);
  };
  const handler = createRequestHandler({
    routes,
    plain: createPlainRoutes({
      ...{ store, clock, monitor },
      ...(options.metrics && { metrics: options.metrics }),
    }),
    interceptors: [createCallGuard(logger)],
    authenticate: createAuthenticate({ apiKeys: store.apiKeys, clock, open: () => open }),
    shutdown: shutdown.signal,
    logger,
    clock,
    random,
    calls: observeTogether([counted, ...(options.calls ? [options.calls] : [])]),
  });
  const server = createOnePortServer({
    handler,
    ...(options.tls && { tls: options.tls }),
    ...(options.limits && { limits: options.limits }),
  });

  return {
    async listen(at) {
      const warning = assertSafeToServe(at.host, await store.apiKeys.any(), options.tls !== undefined);
      if (warning !== undefined) logger.warn(warning);
      open = isLoopbackHost(at.host);
      await monitor.start();
      return server.listen(at);
    },
    renewTls: (tls) => server.renewTls(tls),
    health: () => monitor.current(),
    async close(graceMs) {
      monitor.stop();
      shutdown.abort(problem("SHUTTING_DOWN", "this server is stopping; go on with another", { retryAfterMs: 0 }));
      await server.close(graceMs);
    },
  };
}
