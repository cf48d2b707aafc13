import { type Command, Option } from "commander";
import type { Role } from "../store/store.js";
import { systemRandom } from "../system/random.js";
import { configOption } from "./server.js";
import { withStore } from "./with-store.js";

const roles: readonly Role[] = ["reader", "operator", "admin"];

/** `pointsman keys`: API keys, made and taken away beside the store itself, so that the first one needs no key. */
export function registerKeys(program: Command): void {
  const keys = program.command("keys").description("API keys of callers (works on Redis directly)");
  keys
    .command("create")
    .description("make a key and show it, this once")
    .addOption(new Option("--role <role>", "what its bearer may do").choices(roles).makeOptionMandatory())
    .option("--name <name>", "who it is for", "operator")
    .option("--json", "print JSON")
    .addOption(configOption())
    .action(async ({ role, name, json, config }: { role: Role; name: string; json?: boolean; config?: string }) => {
      const { createApiKey } = await import("../api/calls/api-keys.js");
      await withStore(config, async ({ apiKeys }) => {
        const { record, key } = await createApiKey({ apiKeys, random: systemRandom }, { name, role });
        const { id } = record;
        process.stdout.write(json ? `${JSON.stringify({ id, name, role, key })}\n` : `${key}\n`);
        if (!json) process.stderr.write(`Key ${id} for ${name} (${role}). It is shown this once.\n`);
      });
    });
  keys
    .command("list")
    .description("list the keys, without their secrets")
    .option("--json", "print JSON")
    .addOption(configOption())
    .action(async ({ json, config }: { json?: boolean; config?: string }) => {
      await withStore(config, async ({ apiKeys }) => {
        for (const { id, name, role, createMs } of await apiKeys.list()) {
          const created = new Date(createMs).toISOString();
          const line = json
            ? JSON.stringify({ id, name, role, created })
            : `${id}  ${role.padEnd(8)}  ${created}  ${name}`;
          process.stdout.write(`${line}\n`);
        }
      });
    });
  keys
    .command("revoke <id>")
    .description("take a key away; servers notice within 5 seconds, and end watches that are open within 10")
    .addOption(configOption())
    .action(async (id: string, { config }: { config?: string }) => {
      await withStore(config, async ({ apiKeys }) => {
        if (!(await apiKeys.remove(id))) throw new Error(`no key ${id}`);
      });
    });
}
