import type { Command } from "commander";
import { toJson } from "@pointsman/sdk";
import { HealthSchema, HealthStatus, type Health } from "@pointsman/sdk/v1";
import { status, type CommandKit, type CommonOptions } from "../terminal/command.js";
import { duration, healthName, stopName, time } from "../terminal/format.js";
import { facts, table } from "../terminal/table.js";

interface HealthOptions extends CommonOptions {
  readonly watch?: boolean;
}

/** `health`: whether the service can do its work. Ends with 1 when it cannot. */
export function registerHealth(program: Command, kit: CommandKit): void {
  const command = kit
    .command(program, "health", "Show whether the service works; ends with 1 when it does not")
    .option("--watch", "go on, with a block whenever something changes");
  kit.run<HealthOptions>(command, async ({ client, options, out, signal }) => {
    if (!options.watch) {
      const health = await client.health.check({ signal });
      if (out.json) await out.document(toJson(HealthSchema, health));
      else await out.line(describe(health));
      return health.status === HealthStatus.NOT_SERVING ? status.failed : status.ok;
    }
    for await (const health of client.health.watch({
      signal,
      onReconnect: (_, error) => void out.note(error.message),
    })) {
      if (out.json) await out.record(toJson(HealthSchema, health));
      else await out.line(`${describe(health)}\n`);
    }
    return status.ok;
  });
}

function describe(health: Health): string {
  const summary = facts([
    ["status", healthName(health.status)],
    ["version", health.version],
    ["started", time(health.startTime)],
    ["checked", time(health.checkTime)],
    ["changes", health.changeStop && `stopped by ${stopName(health.changeStop)}`],
  ]);
  const rows = health.components.map((part) => [
    part.name,
    healthName(part.status),
    duration(part.latency),
    [part.message, ...Object.entries(part.figures).map(([name, figure]) => `${name} ${figure}`)]
      .filter(Boolean)
      .join(", "),
  ]);
  return rows.length === 0 ? summary : `${summary}\n\n${table(["part", "status", "latency", "seen"], rows)}`;
}
