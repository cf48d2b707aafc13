import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));

/** The Python that has RQ: the first in PATH, or Debian's own. Undefined where there is none. */
export async function findRq() {
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      const { stdout } = await run(python, ["-c", "import rq; print(rq.VERSION)"]);
      return { python, version: stdout.trim() };
    } catch {
      continue;
    }
  }
  return undefined;
}

/** Enqueues and works off `jobs` no-ops. `kind`: "fork", its usual worker, or "simple", which stays in one process. */
export async function runRq({ python }, server, kind, jobs) {
  const { stdout } = await run(python, [`${here}/rq_side.py`, server.path, kind, String(jobs)], { cwd: here });
  return JSON.parse(stdout.trim().split("\n").at(-1));
}
