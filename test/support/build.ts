import { execFileSync } from "node:child_process";

/** Compiles before the tests, so that those which start real processes start what is in the work tree. */
export default function setup(): void {
  execFileSync("npm", ["run", "--silent", "build"], { stdio: ["ignore", "ignore", "inherit"] });
}
