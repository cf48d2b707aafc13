import type { ServiceImpl } from "@connectrpc/connect";
import { Pointsman, type PointsmanOptions } from "@pointsman/sdk";
import {
  CredentialService,
  DeviceService,
  HealthService,
  JobService,
  QueueService,
  RunService,
  WorkerService,
} from "@pointsman/sdk/v1";
import { afterEach } from "vitest";
import { startScriptedServer, type ScriptedServer } from "./scripted-server.js";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Has something closed after the test that runs. */
export function afterwards(close: () => unknown): void {
  closing.push(close);
}

/** The methods that a test needs, by service; the others are not implemented. */
export interface Services {
  readonly jobs?: Partial<ServiceImpl<typeof JobService>>;
  readonly runs?: Partial<ServiceImpl<typeof RunService>>;
  readonly devices?: Partial<ServiceImpl<typeof DeviceService>>;
  readonly queues?: Partial<ServiceImpl<typeof QueueService>>;
  readonly credentials?: Partial<ServiceImpl<typeof CredentialService>>;
  readonly workers?: Partial<ServiceImpl<typeof WorkerService>>;
  readonly health?: Partial<ServiceImpl<typeof HealthService>>;
}

/** Starts a server with these methods, closed after the test. */
export async function startServices(services: Services): Promise<ScriptedServer> {
  const server = await startScriptedServer((router) => {
    router.service(JobService, services.jobs ?? {});
    router.service(RunService, services.runs ?? {});
    router.service(DeviceService, services.devices ?? {});
    router.service(QueueService, services.queues ?? {});
    router.service(CredentialService, services.credentials ?? {});
    router.service(WorkerService, services.workers ?? {});
    router.service(HealthService, services.health ?? {});
  });
  afterwards(() => server.close());
  return server;
}

/** The same, with a client that hurries its retries. */
export async function startWithClient(
  services: Services,
  options: PointsmanOptions = {},
): Promise<ScriptedServer & { readonly client: Pointsman }> {
  const server = await startServices(services);
  const client = new Pointsman({ baseUrl: server.url, retry: { initialMs: 1, maxMs: 4 }, ...options });
  afterwards(() => client.close());
  return Object.assign(server, { client });
}

/** What a call rejects with; undefined when it does not. */
export function thrownBy(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}
