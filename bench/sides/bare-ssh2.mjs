import ssh2 from "ssh2";

/** ssh2 alone: a login, a shell, and a loop that waits for the prompt behind each line. No check of anything. */
export function openBareSsh2() {
  const sessions = new Map();
  const connect = ({ host, port, name, username = "bench", privateKey }) =>
    new Promise((resolve, reject) => {
      const client = new ssh2.Client();
      const prompt = privateKey ? /[#$] $/ : new RegExp(`(?:^|\n)${name}[^\\s#]*#$`);
      client.on("error", (error) => {
        sessions.delete(name);
        reject(error);
      });
      client.on("close", () => sessions.delete(name));
      client.on("ready", () => {
        client.setNoDelay(true);
        client.shell({ term: "vt100", cols: 511, rows: 0 }, (error, channel) => {
          if (error) return reject(error);
          let pieces = [];
          let tail = "";
          let done;
          channel.on("data", (bytes) => {
            const text = bytes.toString();
            pieces.push(text);
            tail = (tail + text).slice(-256);
            if (!prompt.test(tail)) return;
            const output = pieces.join("");
            pieces = [];
            tail = "";
            done?.(output);
          });
          const session = {
            client,
            ask(line) {
              const answer = new Promise((answered) => (done = answered));
              if (line !== undefined) channel.write(`${line}\n`);
              return answer;
            },
          };
          sessions.set(name, session);
          resolve(session.ask().then(() => session));
        });
      });
      const secret = privateKey ? { privateKey } : { password: "bench" };
      client.connect({ host, port, username, ...secret, keepaliveInterval: 30_000, readyTimeout: 120_000 });
    });
  const sessionOf = async (device) => {
    const known = sessions.get(device.name);
    if (known) return known;
    const session = await connect(device);
    if (device.privateKey) return session;
    await session.ask("terminal length 0");
    await session.ask("terminal width 511");
    return session;
  };
  return {
    open: (device) => sessionOf(device).then(() => undefined),
    async show(device, ...commands) {
      const session = await sessionOf(device);
      let bytes = 0;
      for (const command of commands) bytes += (await session.ask(command)).length;
      return { bytes };
    },
    async configure(device, lines) {
      const session = await sessionOf(device);
      for (const line of ["configure terminal", ...lines, "end"]) await session.ask(line);
    },
    async leave(device) {
      const session = sessions.get(device.name);
      if (!session) return;
      const gone = new Promise((closed) => session.client.once("close", closed));
      session.client.end();
      await gone;
    },
    alive: () => sessions.size,
  };
}
