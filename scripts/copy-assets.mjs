// Puts what the compiler does not carry (scripts, platforms, personalities) beside the compiled code.
import { cpSync } from "node:fs";

cpSync("src/device/group-exchange-worker.mjs", "dist/device/group-exchange-worker.mjs");
for (const folder of ["store/scripts", "device/platforms", "dev/simulator/personalities"]) {
  cpSync(`src/${folder}`, `dist/${folder}`, { recursive: true });
}
