import { readFileSync } from "node:fs";

/** Whether a process with this number runs on this machine: also one of another user, which may not be signalled. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return !isThread(pid);
}

/** Linux takes the number of a thread for that of its process. In a container, whose numbers begin anew, they often meet. */
function isThread(id: number): boolean {
  try {
    const [, itsProcess] = /^Tgid:\s*(\d+)$/m.exec(readFileSync(`/proc/${id}/status`, "utf8")) ?? [];
    return itsProcess !== undefined && Number(itsProcess) !== id;
  } catch {
    // Another system, or a process that is hidden from us.
    return false;
  }
}
