import { once } from "node:events";
import { createServer } from "node:net";
import ssh2 from "ssh2";

const version = `${Array.from({ length: 20 }, (_, n) => `Line ${n} of what this device says of itself`).join("\r\n")}\r\n`;
const large = `${`${"x".repeat(62)}\r\n`.repeat(1_024)}`;

/**
 * Devices that answer from memory, as cheaply as ssh2 lets them: an echo, the same lines each time, the prompt of IOS. So
 * whoever talks to them is what is measured, and not they. All of them have one host key.
 */
export async function startPlainDevices(names) {
  const { private: privateKey, public: hostKeyLine } = ssh2.utils.generateKeyPairSync("ed25519");
  const devices = [];
  for (const name of names) {
    const server = new ssh2.Server({ hostKeys: [privateKey], keepaliveInterval: 2 ** 31 - 1 }, (connection) => {
      connection.on("error", () => undefined);
      connection.on("authentication", (attempt) =>
        attempt.method === "password" ? attempt.accept() : attempt.reject(["password"]),
      );
      connection.on("session", (accept) => {
        const session = accept();
        session.on("pty", (yes) => yes?.());
        session.on("shell", (yes) => serve(yes(), name));
      });
    });
    const tcp = createServer({ noDelay: true }, (socket) => server.injectSocket(socket));
    tcp.listen({ host: "127.0.0.1", port: 0, backlog: 4_096 });
    await once(tcp, "listening");
    devices.push({ name, host: "127.0.0.1", port: tcp.address().port, hostKeyLine });
  }
  return devices;
}

function serve(channel, name) {
  let mode = "";
  let typed = "";
  const answer = (line) => {
    if (/^config(?:ure)? term(?:inal)?$/.test(line)) mode = "(config)";
    else if (line.startsWith("interface ")) mode = "(config-if)";
    else if (line === "end") mode = "";
    else if (line === "exit" && mode === "") return channel.end();
    const output = line === "show tech-support" ? large.repeat(160) : line.startsWith("show ") ? version : "";
    channel.write(`${line}\r\n${output}${name}${mode}#`);
  };
  channel.on("error", () => undefined);
  channel.on("data", (bytes) => {
    typed += bytes;
    for (let end = typed.search(/[\r\n]/); end >= 0; end = typed.search(/[\r\n]/)) {
      const line = typed.slice(0, end);
      typed = typed.slice(end + 1);
      answer(line);
    }
  });
  channel.write(`\r\n${name}#`);
}
