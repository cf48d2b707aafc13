import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { startProcess } from "../sides/process.mjs";

const fleetFile = fileURLToPath(new URL("../sides/fleet.mjs", import.meta.url));
const clientFile = fileURLToPath(new URL("../sides/device-client.mjs", import.meta.url));
/** What a process of simulated devices serves: beyond this its own memory and event loop are what is measured. */
const perProcess = 2_500;

/**
 * Devices in processes of their own, whose bytes take `delayMs` milliseconds there and back: "simulated" ones, as in
 * `pointsman dev`, or "plain" ones, which cost next to nothing.
 */
export async function startFleet(distDir, kind, count, delayMs = 0) {
  const sizes = Array.from({ length: Math.ceil(count / perProcess) }, (_, n) =>
    Math.min(perProcess, count - n * perProcess),
  );
  const started = await Promise.all(
    sizes.map((size, n) =>
      startProcess([fleetFile, kind, distDir, String(size), `edge-router-${n}-`, String(delayMs)], {}, '"ready"'),
    ),
  );
  return {
    devices: started.flatMap(({ said }) => said.devices),
    pids: started.map(({ pid }) => pid),
    stop: () => Promise.all(started.map((process) => process.stop())),
  };
}

/** Starts one of the sides that work with devices; `ask` gives it an order and resolves with the answer. */
export async function startClient(which, distDir) {
  // Ours runs as it does in a worker; an older one had no flags.
  const { workerFlags = [] } = await import(`${distDir}/commands/watched-process.js`);
  const child = fork(clientFile, [which, distDir], {
    execArgv: ["--expose-gc", ...(which === "engine" ? workerFlags : [])],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const waiting = new Map();
  let last = 0;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve, reject) => {
    child.once("message", resolve);
    void ended.then((code) => reject(new Error(`${which} did not start: ${code}`)));
  });
  child.on("message", ({ id, answer, failure }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (failure === undefined) resolve(answer);
    else reject(new Error(`${which}: ${failure}`));
  });
  void ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`${which} ended`));
  });
  return {
    pid: child.pid,
    ask: (order, given = {}) =>
      new Promise((resolve, reject) => {
        waiting.set(++last, { resolve, reject });
        child.send({ id: last, order, given });
      }),
    async stop() {
      child.disconnect();
      await ended;
    },
  };
}
