import { execFileSync } from "node:child_process";

/**
 * Compiles before the tests, so that those which start real processes start what is in the work tree. While somebody's
 * edit does not compile, the other tests still run, on what was compiled last; CI compiles beforehand and refuses.
 */
export default function setup(): void {
  try {
    execFileSync("npm", ["run", "--silent", "build"], { stdio: ["ignore", "inherit", "inherit"] });
  } catch (error) {
    if (process.env["CI"]) throw error;
    process.stderr.write("The work tree does not compile: real processes are started from what was compiled last.\n");
  }
}
