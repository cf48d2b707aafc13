// Installs what is missing, or says in one line what to do: packages from the lock file, and redis-server where apt may.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Pointsman needs Node 20.19 or newer; this is ${process.versions.node}.`);
}

function fail(line) {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}

function run(command, args, env = {}) {
  return spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, ...env } }).status;
}

function has(command) {
  return spawnSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" }).status === 0;
}

/** Whether node_modules is what the lock file says: npm leaves a copy of the lock it installed from. */
function packagesAreCurrent() {
  const installed = "node_modules/.package-lock.json";
  if (!existsSync(installed) || !existsSync("node_modules/@pointsman/sdk")) return false;
  const wanted = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;
  const present = JSON.parse(readFileSync(installed, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional, link }]) =>
      path === "" || path === "sdk" || optional || link || present[path]?.version === version,
  );
}

if (!packagesAreCurrent()) {
  process.stderr.write("Installing packages…\n");
  if (run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel", "error"]) !== 0) {
    fail("The packages could not be installed: run `npm ci` and see what it says.");
  }
}

if (!has("redis-server") && !has("valkey-server")) {
  const install = () => run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "redis-server"], quiet);
  const quiet = { DEBIAN_FRONTEND: "noninteractive" };
  if (has("apt-get") && process.getuid?.() === 0) {
    process.stderr.write("Installing redis-server…\n");
    if (install() !== 0) {
      run("apt-get", ["update", "-qq"], quiet);
      install();
    }
  }
  if (!has("redis-server")) {
    fail(
      "Redis is missing: install redis-server 7.0 or newer (Debian: `sudo apt-get install redis-server`), or Valkey.",
    );
  }
}
