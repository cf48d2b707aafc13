/** Our device engine: its pool of sessions with what a worker sets, its configurator. */
export async function openEngine(module) {
  const { builtInPlatforms, createConfigurator, createHandshakes, createSessionPool, parseConfiguration } =
    await module("device/index.js");
  const { systemClock } = await module("system/clock.js");
  const { watchLoopDelay } = await module("system/loop-delay.js");
  const { systemRandom } = await module("system/random.js");
  const platforms = builtInPlatforms();
  const handshakes = createHandshakes({ clock: systemClock, loopP99Ms: watchLoopDelay() });
  const bounds = { maxSessions: 20_000, idleMs: 3_600_000 };
  const pool = createSessionPool({ clock: systemClock, random: systemRandom, handshakes, ...bounds });
  const endpoints = new Map();
  const endpointOf = ({ name, host, port, hostKeyLine, platform = "cisco_ios", username = "bench", privateKey }) => {
    if (!endpoints.has(name)) {
      const secrets = privateKey === undefined ? { password: "bench", enableSecret: "bench" } : { privateKey };
      endpoints.set(name, {
        ...{ address: host, port, platform: platforms.get(platform), accountKey: name },
        account: { username, ...secrets },
        hostKeys: { mode: "strict", known: [hostKeyLine] },
        // On a machine that is busy with both ends, a login takes its time.
        ...{ connectTimeoutMs: 120_000, loginTimeoutMs: 120_000 },
        limits: { connectsPerMinute: 1_000_000, maxSessions: 1_000 },
      });
    }
    return endpoints.get(name);
  };
  // As a worker reads: see src/worker/command-line.ts.
  const patience = { settleMs: 1, settlesAsAnswered: true, refuseLeftovers: true };
  const request = { idleTimeoutMs: 60_000, totalTimeoutMs: 120_000, maxOutputBytes: 16 * 1024 * 1024, ...patience };
  const using = async (device, use) => {
    const session = await pool.checkout(endpointOf(device));
    try {
      return await use(session);
    } finally {
      pool.checkin(session);
    }
  };
  return {
    open: (device) => using(device, () => undefined),
    show: (device, ...commands) =>
      using(device, async (session) => {
        let bytes = 0;
        for (const [i, command] of commands.entries()) {
          const isFollowed = i < commands.length - 1;
          const onOutput = (text) => void (bytes += text.length);
          const outcome = await session.run({ command, ...request, isFollowed, onOutput });
          if (outcome.status !== "ok") throw new Error(`${command} was rejected`);
        }
        return { bytes };
      }),
    configure: (device, lines) =>
      using(device, async (session) => {
        const configurator = createConfigurator(endpointOf(device).platform, "bench", undefined);
        const { lines: parsed } = parseConfiguration(configurator.rules, lines);
        await configurator.prepare(session);
        await configurator.open(session);
        for (const line of parsed) {
          const { status } = await configurator.type(session, line);
          if (status !== "ok") throw new Error(`${line.text} was rejected`);
        }
        await configurator.leave(session);
      }),
    leave: (device) => pool.closeIdle((endpoint) => endpoint === endpointOf(device)),
    alive: () => pool.size,
  };
}
