import { expect, test } from "vitest";
import { builtInPlatforms, createConfigurator, parseConfiguration } from "../../src/device/index.js";
import { openShellSession } from "../../src/device/shell-session.js";
import { playDialog, type Turn } from "../support/dialog.js";
import { endpoint, platform } from "../support/device-engine.js";
import { createVirtualClock } from "../support/virtual-clock.js";

/** A change under a timer, as the device shows it. */
interface Change {
  readonly platform: string;
  /** From the greeting to the prompt behind `on_open`. */
  readonly login: readonly Turn[];
  readonly lines: readonly string[];
  readonly timer: number;
  /** What is typed, with what the device answers behind the echo, prompt included. */
  readonly typed: readonly (readonly [string, string])[];
  readonly diff?: string;
}

const quiet = (prompt: string, ...lines: readonly string[]): Turn[] => [
  ["<", prompt],
  ...lines.flatMap((line): Turn[] => [
    [">", `${line}\n`],
    ["<", `${line}\r\n${prompt}`],
  ]),
];

const xr = "RP/0/RP0/CPU0:xr1";
const edit = "\r\n[edit]\r\nadmin@r1# ";
const sros = (above: string): string => `\r\n${above}\r\nA:admin@pe1# `;

const changes: readonly Change[] = [
  {
    platform: "cisco_ios",
    login: quiet("R1#", "terminal length 0", "terminal width 511"),
    lines: ["ip routing"],
    timer: 120,
    typed: [
      ["configure terminal revert timer 2", "R1(config)#"],
      ["ip routing", "R1(config)#"],
      ["end", "R1#"],
      ["configure confirm", "R1#"],
      ["write memory", "Building configuration...\r\n[OK]\r\nR1#"],
    ],
  },
  {
    platform: "cisco_iosxr",
    login: quiet(`${xr}#`, "terminal length 0", "terminal width 511", "terminal exec prompt no-timestamp"),
    lines: ["interface Loopback0", " description x"],
    timer: 45,
    diff: "+interface Loopback0\n+ description x\n+!\n",
    typed: [
      ["configure exclusive", `${xr}(config)#`],
      ["interface Loopback0", `${xr}(config-if)#`],
      [" description x", `${xr}(config-if)#`],
      ["show commit changes diff", `+interface Loopback0\r\n+ description x\r\n+!\r\n${xr}(config-if)#`],
      ["commit confirmed 45", `${xr}(config-if)#`],
      ["commit", `${xr}(config-if)#`],
      ["abort", `${xr}#`],
    ],
  },
  {
    platform: "arista_eos",
    login: quiet("sw1#", "terminal length 0", "terminal width 32767"),
    lines: ["hostname sw1"],
    timer: 65,
    diff: "",
    typed: [
      ["configure session s1", "sw1(config-s-s1)#"],
      ["hostname sw1", "sw1(config-s-s1)#"],
      ["show session-config diffs", "sw1(config-s-s1)#"],
      ["commit timer 00:01:05", "sw1#"],
      ["configure session s1 commit", "sw1#"],
      ["write memory", "Copy completed successfully.\r\nsw1#"],
    ],
  },
  {
    platform: "juniper_junos",
    login: quiet(
      "admin@r1> ",
      ...["set cli screen-length 0", "set cli screen-width 511", "set cli complete-on-space off"],
      "set cli timestamp disable",
    ),
    lines: ["set system host-name r1"],
    timer: 90,
    diff: "[edit system]\n+  host-name r1;\n\n",
    typed: [
      [
        "configure exclusive",
        `warning: uncommitted changes will be discarded on exit\r\nEntering configuration mode\r\n${edit}`,
      ],
      ["set system host-name r1", edit],
      ["show | compare", `[edit system]\r\n+  host-name r1;\r\n${edit}`],
      ["commit check", `configuration check succeeds\r\n${edit}`],
      [
        "commit confirmed 2",
        `commit confirmed will be automatically rolled back in 2 minutes unless confirmed\r\ncommit complete\r\n\r\n# commit confirmed will be rolled back in 2 minutes${edit}`,
      ],
      ["rollback 0", `load complete\r\n${edit}`],
      ["exit configuration-mode", "Exiting configuration mode\r\n\r\nadmin@r1> "],
      ["configure private", `Entering configuration mode\r\n${edit}`],
      ["commit check", `configuration check succeeds\r\n${edit}`],
      ["exit configuration-mode", "Exiting configuration mode\r\n\r\nadmin@r1> "],
    ],
  },
  {
    platform: "nokia_sros",
    login: quiet(
      sros("[/]"),
      ...["environment more false", "environment command-completion space false", "environment console width 512"],
    ),
    lines: ["/configure system name pe1"],
    timer: 300,
    diff: '+   name "pe1"\n\n',
    typed: [
      ["edit-config exclusive", `INFO: CLI #2071: Entering exclusive configuration mode\r\n${sros("(ex)[/]")}`],
      ["/configure system name pe1", sros("*(ex)[/]")],
      ["compare", `+   name "pe1"\r\n${sros("*(ex)[/]")}`],
      ["validate", sros("*(ex)[/]")],
      ["commit confirmed 5", sros("(ex)[/]")],
      ["commit confirmed accept", sros("(ex)[/]")],
      ["discard", sros("(ex)[/]")],
      ["quit-config", `INFO: CLI #2074: Exiting exclusive configuration mode\r\n${sros("[/]")}`],
      ["admin save", `Writing configuration to cf3:\\config.cfg\r\nSaving configuration OK\r\n${sros("[/]")}`],
    ],
  },
  {
    platform: "huawei_vrp8",
    login: quiet("<r1>", "screen-length 0 temporary"),
    lines: ["router id 10.0.0.1"],
    timer: 120,
    diff: "+router id 10.0.0.1\n",
    typed: [
      ["system-view", "Enter system view, return user view with return command.\r\n[~r1]"],
      ["router id 10.0.0.1", "[*r1]"],
      ["display configuration candidate changes", "+router id 10.0.0.1\r\n[*r1]"],
      ["commit trial 120", "Committing..done.\r\nInfo: The system enters the trial configuration mode.\r\n[~r1]"],
      ["commit", "Committing....done.\r\n[~r1]"],
      ["clear configuration candidate", "[~r1]"],
      ["return", "<r1>"],
      ["save", "Warning: The current configuration will be written to the device. Continue? [Y/N]:"],
      ["Y", "Info: Save the configuration successfully.\r\n<r1>"],
    ],
  },
  {
    platform: "h3c_comware",
    login: quiet("<sw1>", "screen-length disable"),
    lines: ["vlan 7", " name x"],
    timer: 120,
    typed: [
      ["system-view", "System View: return to User View with Ctrl+Z.\r\n[sw1]"],
      ["configuration commit delay 2", "[sw1]"],
      ["vlan 7", "[sw1-vlan7]"],
      [" name x", "[sw1-vlan7]"],
      ["return", "<sw1>"],
      ["system-view", "System View: return to User View with Ctrl+Z.\r\n[sw1]"],
      ["configuration commit", "[sw1]"],
      ["return", "<sw1>"],
      [
        "save force",
        "Validating file. Please wait...\r\nSaved the current configuration to mainboard device successfully.\r\n<sw1>",
      ],
    ],
  },
  {
    platform: "vyos",
    login: quiet("vyos@r1:~$ ", "set terminal length 0", "set terminal width 16384"),
    lines: ["set system host-name r1"],
    timer: 600,
    diff: "[edit system]\n+host-name r1\n",
    typed: [
      ["configure", "[edit]\r\nvyos@r1# "],
      ["set system host-name r1", "[edit]\r\nvyos@r1# "],
      ["compare", "[edit system]\r\n+host-name r1\r\n[edit]\r\nvyos@r1# "],
      [
        "commit-confirm 10",
        "commit confirm will be automatically reboot in 10 minutes unless confirmed\r\nProceed? [confirm]",
      ],
      ["y", "[edit]\r\nvyos@r1# "],
      ["discard", "No changes have been discarded\r\n[edit]\r\nvyos@r1# "],
      ["exit discard", "exit\r\nvyos@r1:~$ "],
      ["configure", "[edit]\r\nvyos@r1# "],
      ["confirm", "[edit]\r\nvyos@r1# "],
      ["exit discard", "exit\r\nvyos@r1:~$ "],
      ["configure", "[edit]\r\nvyos@r1# "],
      ["save", "Saving configuration to '/config/config.boot'...\r\nDone\r\n[edit]\r\nvyos@r1# "],
      ["exit discard", "exit\r\nvyos@r1:~$ "],
    ],
  },
];

test.each(changes.map((change) => [change.platform, change] as const))(
  "a change under a timer on %s is typed as its definition says, and every mode is arrived at",
  async (name, change) => {
    const typed = change.typed.flatMap(([line, reply]): Turn[] => [
      [">", `${line}\n`],
      ["<", `${line}\r\n${reply}`],
    ]);
    const device = playDialog([...change.login, ...typed], () => 7, true);
    const clock = createVirtualClock(() => device.isQuiet());
    const it = platform(name);
    const configurator = createConfigurator(it, "s1", change.timer);
    const { rules } = configurator;
    const { candidate, confirmed, save } = rules;
    const steps: string[] = [];
    try {
      const target = endpoint(0, "", { platform: it, hostKeys: { mode: "accept-new", known: [] } });
      const session = await openShellSession(device.transport, target, { clock });
      const step = async (what: Parameters<typeof configurator.step>[1]): Promise<string> => {
        const outcome = await configurator.step(session, what);
        if (outcome.status !== "ok") steps.push(`${what.send}: ${outcome.errorLines.join()}`);
        return outcome.output;
      };
      await configurator.prepare(session);
      await configurator.open(session);
      for (const line of parseConfiguration(rules, change.lines).lines) {
        steps.push(...(await configurator.type(session, line)).errorLines);
      }
      if (candidate) {
        expect(await step(candidate.diff)).toBe(change.diff);
        if (candidate.check) await step(candidate.check);
        if (confirmed?.commit) await step(confirmed.commit);
      }
      if (confirmed?.session === "same") await step(confirmed.confirm);
      await configurator.leave(session);
      expect(session.mode).toBe(rules.base);
      if (confirmed?.session === "new") await step(confirmed.confirm);
      if (save) await step(save);
      expect(session.mode).toBe(rules.base);
      expect(steps).toEqual([]);
      expect(device.complaint).toBeUndefined();
      expect(device.finished).toBe(true);
    } finally {
      clock.stop();
    }
  },
);

test("every platform whose changes can be taken back has such a change here, or against the real thing", () => {
  const real = ["frr_tcli"];
  expect(
    changes
      .map((change) => change.platform)
      .concat(real)
      .sort(),
  ).toEqual(platformsWithTimer());
});

function platformsWithTimer(): string[] {
  return [...builtInPlatforms().values()]
    .filter((one) => one.configuration?.confirmed)
    .map(({ name }) => name)
    .sort();
}
