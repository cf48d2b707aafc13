import { fork, type ChildProcess, type Serializable } from "node:child_process";
import { once } from "node:events";
import type { SimulatedDevice } from "../../src/dev/simulator/simulated-device.js";
import { typescriptProgram } from "../support/typescript-program.js";
import type { PartDevice, PartSays } from "./fleet-part.js";

/** A device takes two open files of its process, of which a system may allow as few as 20,000. */
const devicesPerProcess = 5_000;

/** Simulated devices in processes of their own. */
export interface Fleet {
  /** Every device, in the order given. */
  readonly devices: readonly PartDevice[];
  /** Devices that were reached or told something since this was asked before. */
  touched(): Promise<ReadonlySet<string>>;
  close(): Promise<void>;
}

/** Starts simulated devices; resolves when all of them listen. */
export async function startFleet(definitions: readonly SimulatedDevice[]): Promise<Fleet> {
  const parts: ChildProcess[] = [];
  const ask = async (part: ChildProcess, what: Serializable): Promise<PartSays> => {
    const answer = once(part, "message");
    part.send(what);
    return ((await answer) as [PartSays])[0];
  };
  const started: Promise<PartSays>[] = [];
  for (let from = 0; from < definitions.length; from += devicesPerProcess) {
    const [program, ...args] = typescriptProgram(new URL("fleet-part.ts", import.meta.url), []);
    const part = fork(program, args);
    parts.push(part);
    started.push(ask(part, definitions.slice(from, from + devicesPerProcess)));
  }
  const devices = (await Promise.all(started)).flatMap((said) => ("devices" in said ? said.devices : []));
  return {
    devices,
    async touched() {
      const all = await Promise.all(parts.map((part) => ask(part, "touched")));
      return new Set(all.flatMap((said) => ("touched" in said ? said.touched : [])));
    },
    async close() {
      await Promise.all(
        parts.map(async (part) => {
          const ended = once(part, "exit");
          part.disconnect();
          await ended;
        }),
      );
    },
  };
}
