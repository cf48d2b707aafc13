// Installs from Debian what the tests talk to besides Redis: real SSH servers, a real router CLI, a gRPC client of
// another language, and what checks the rules of alerts. Elsewhere the tests that need them are skipped by name.
import { spawnSync } from "node:child_process";

const packages = {
  "openssh-server": "/usr/sbin/sshd",
  "openssh-client": "/usr/bin/ssh",
  "dropbear-bin": "/usr/sbin/dropbear",
  "libnss-wrapper": "/usr/share/doc/libnss-wrapper",
  frr: "/usr/lib/frr/zebra",
  "inetutils-telnet": "/usr/bin/inetutils-telnet",
  bird2: "/usr/sbin/bird",
  prometheus: "/usr/bin/promtool",
  sshpass: "/usr/bin/sshpass",
  curl: "/usr/bin/curl",
  "python3-grpcio": "/usr/lib/python3/dist-packages/grpc",
};
const missing = Object.entries(packages).flatMap(([name, path]) =>
  spawnSync("test", ["-e", path]).status === 0 ? [] : [name],
);
if (missing.length > 0) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args) =>
    spawnSync("apt-get", ["-qq", ...args], { stdio: ["ignore", "ignore", "inherit"], env }).status;
  process.stderr.write(`Installing ${missing.join(" ")}…\n`);
  apt("update");
  if (apt("install", "-y", "--no-install-recommends", ...missing) !== 0) {
    process.stderr.write("They could not be installed; the tests that need them will say so.\n");
    process.exit(1);
  }
}
