import { readFileSync } from "node:fs";

/** Whether a process with this number runs on this machine: also one of another user, which may not be signalled. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return !isOnlyANumber(pid);
}

/**
 * Whether a number that Linux takes for that of a process is none of one that runs: it is a thread's (in a container,
 * whose numbers begin anew, they often meet), or its process has ended and nobody has asked yet what became of it. The
 * first process of a container may ask late, or never.
 */
function isOnlyANumber(id: number): boolean {
  try {
    const status = readFileSync(`/proc/${id}/status`, "utf8");
    const [, itsProcess] = /^Tgid:\s*(\d+)$/m.exec(status) ?? [];
    return /^State:\s*Z/m.test(status) || (itsProcess !== undefined && Number(itsProcess) !== id);
  } catch {
    // Another system, or a process that is hidden from us.
    return false;
  }
}
