import type { Turn } from "../support/dialog.js";
import type { Dialog } from "./dialogs.js";

/** A line that is typed, its echo, and what follows it. */
const typed = (line: string, reply: string, echoEnd = "\r\n"): readonly Turn[] => [
  [">", `${line}\n`],
  ["<", `${line}${echoEnd}${reply}`],
];

const blanks = " ".repeat(300);
const ros = "[admin@r1] > ";
const painted = `\r\r\r\r${ros}${blanks}\r${ros}`;

/** RouterOS paints the line anew for every key. */
const routeros = (line: string, reply: string): readonly Turn[] => [
  [">", `${line}\r\n`],
  [
    "<",
    [...line]
      .map((_, at) => `\r\r${ros}${line.slice(0, at + 1)}${blanks}\x1b[K\r${ros}${line.slice(0, at + 1)}`)
      .join("") + `\r${ros}${line}\r\n\r${reply}${painted}`,
  ],
];

/** birdc shows its prompt while the daemon works, takes it away for the answer, and reads no key until then. */
const birdc = (line: string, reply: string): readonly Turn[] => [
  [">", `${line}\n`],
  ["<", `${line}\r\n\x1b[?2004l\r\x1b[?2004hbird> `],
  [">", "\n"],
  ["<", `\r\x1b[K${reply}bird> \r\n\x1b[?2004l\r\x1b[?2004hbird> `],
];

/** Platforms whose lines take effect at once, or that have none. */
export const immediateDialogs: readonly Dialog[] = [
  {
    name: "NX-OS with two carriage returns behind the echo, a pager in reverse, and a name of its own",
    platform: "cisco_nxos",
    turns: [
      ["<", "\r\nCisco Nexus Operating System (NX-OS) Software\r\n\rsw1# "],
      ...typed("terminal length 0", "\rsw1# ", "\r\r\n"),
      ...typed("terminal width 511", "\rsw1# ", "\r\r\n"),
      ...typed("show vlan", "VLAN Name\r\n\x1b[7m--More--\x1b[27m", "\r\r\n"),
      [">", " "],
      ["<", "\r        \r1    default\r\n\rsw1# "],
      ...typed("shwo", "              ^\r\n% Invalid command at '^' marker.\r\n\rsw1# ", "\r\r\n"),
      ...typed(
        "configure terminal",
        "Enter configuration commands, one per line. End with CNTL/Z.\r\n\rsw1(config)# ",
        "\r\r\n",
      ),
      ...typed("switchname sw2", "\rsw2(config)# ", "\r\r\n"),
      ...typed(
        "end",
        "\rsw2# \r\n2026 Nov 20 10:00:00 sw2 %VSHD-5-VSHD_SYSLOG_CONFIG_I: Configured from vty\r\n",
        "\r\r\n",
      ),
      ["?", "\n", "\r\n\rsw2# "],
      [">", "reload\n"],
      ["<", "reload\r\r\nThis command will reboot the system. (y/n)?  [n] "],
      [">", "n\n"],
      ["<", "n\r\n\rsw2# "],
    ],
    steps: [
      { command: "show vlan", output: "VLAN Name\n1    default\n", mode: "enable", prompt: "sw1# " },
      {
        command: "shwo",
        output: "              ^\n% Invalid command at '^' marker.\n",
        status: "rejected",
        errorLines: ["% Invalid command at '^' marker."],
        mode: "enable",
        prompt: "sw1# ",
      },
      { enter: "config", mode: "config", prompt: "sw1(config)# " },
      { command: "switchname sw2", output: "", mode: "config", prompt: "sw2(config)# " },
      { enter: "enable", mode: "enable", prompt: "sw2# " },
      {
        command: "reload",
        answers: [{ question: "[n]", answer: "n" }],
        output: "This command will reboot the system. (y/n)?  [n] n\n",
        mode: "enable",
        prompt: "sw2# ",
      },
    ],
  },
  {
    name: "VRP with a password that is old, views behind the host's name, and a line that only looks like a prompt",
    platform: "huawei_vrp",
    turns: [
      [
        "<",
        "\r\nWarning: The initial password poses security risks.\r\nThe password needs to be changed. Change now? [Y/N]: ",
      ],
      [">", "N\n"],
      ["<", "N\r\n<r1>"],
      ...typed(
        "screen-length 0 temporary",
        "Info: The configuration takes effect on the current user terminal interface only.\r\n<r1>",
      ),
      ...typed("display current-configuration", "[V200R010C00SPC600]\r\n#\r\n sysname r1\r\n  ---- More ----"),
      [">", " "],
      ["<", "\x1b[42D                                          \x1b[42D#\r\nreturn\r\n<r1>"],
      ...typed("system-view", "Enter system view, return user view with Ctrl+Z.\r\n[r1]"),
      ...typed("interface GigabitEthernet0/0/1", "[r1-GigabitEthernet0/0/1]"),
      ...typed(
        "descripshun x",
        "                              ^\r\nError: Unrecognized command found at '^' position.\r\n[r1-GigabitEthernet0/0/1]",
      ),
      ...typed("return", "<r1>"),
      [">", "save\n"],
      ["<", "save\r\nThe current configuration will be written to the device.\r\nAre you sure to continue?[Y/N]"],
      [">", "Y\n"],
      [
        "<",
        "Y\r\nNow saving the current configuration to the slot 0..\r\nSave the configuration successfully.\r\n<r1>",
      ],
    ],
    steps: [
      {
        command: "display current-configuration",
        output: "[V200R010C00SPC600]\n#\n sysname r1\n#\nreturn\n",
        mode: "exec",
        prompt: "<r1>",
      },
      { enter: "config", mode: "config", prompt: "[r1]" },
      {
        command: "interface GigabitEthernet0/0/1",
        output: "",
        mode: "config",
        prompt: "[r1-GigabitEthernet0/0/1]",
      },
      {
        command: "descripshun x",
        output: "                              ^\nError: Unrecognized command found at '^' position.\n",
        status: "rejected",
        errorLines: ["Error: Unrecognized command found at '^' position."],
        mode: "config",
        prompt: "[r1-GigabitEthernet0/0/1]",
      },
      { enter: "exec", mode: "exec", prompt: "<r1>" },
      {
        command: "save",
        answers: [{ question: "[Y/N]", answer: "Y" }],
        output:
          "The current configuration will be written to the device.\nAre you sure to continue?[Y/N]Y\n" +
          "Now saving the current configuration to the slot 0..\nSave the configuration successfully.\n",
        mode: "exec",
        prompt: "<r1>",
      },
    ],
  },
  {
    name: "Comware that wants Enter first, and renames itself",
    platform: "h3c_comware",
    turns: [
      ["<", "\r\n* Copyright (c) 2010-2023 *\r\n\r\nPress ENTER to get started.\r\n"],
      ["?", "\n", "\r\n<sw1>"],
      ...typed("screen-length disable", "<sw1>"),
      ...typed("display vlan", " Total VLANs: 1\r\n---- More ----"),
      [">", " "],
      ["<", "\x1b[16D                \x1b[16D The VLANs include:\r\n<sw1>"],
      ...typed("shwo", "           ^\r\n % Unrecognized command found at '^' position.\r\n<sw1>"),
      ...typed("system-view", "System View: return to User View with Ctrl+Z.\r\n[sw1]"),
      ...typed("interface Vlan-interface1", "[sw1-Vlan-interface1]"),
      ...typed("sysname sw2", "[sw2-Vlan-interface1]"),
      ["?", "\n", "\r\n[sw2-Vlan-interface1]"],
      ...typed("return", "<sw2>"),
      ["?", "\n", "\r\n<sw2>"],
    ],
    steps: [
      { command: "display vlan", output: " Total VLANs: 1\n The VLANs include:\n", mode: "exec", prompt: "<sw1>" },
      {
        command: "shwo",
        output: "           ^\n % Unrecognized command found at '^' position.\n",
        status: "rejected",
        errorLines: [" % Unrecognized command found at '^' position."],
        mode: "exec",
        prompt: "<sw1>",
      },
      { enter: "config", mode: "config", prompt: "[sw1]" },
      { command: "interface Vlan-interface1", output: "", mode: "config", prompt: "[sw1-Vlan-interface1]" },
      { command: "sysname sw2", output: "", mode: "config", prompt: "[sw2-Vlan-interface1]" },
      { enter: "exec", mode: "exec", prompt: "<sw2>" },
    ],
  },
  {
    name: "FortiOS with a banner to accept by a key, a pager that cannot be switched off, and a VDOM",
    platform: "fortinet_fortios",
    turns: [
      ["<", "\r\nAuthorised use only.\r\n(Press 'a' to accept):"],
      [">", "a"],
      ["<", "\r\n\r\nFGT1 # "],
      [">", "\n"],
      ["<", "\r\r\nFGT1 # "],
      ...typed("get system status", "Version: FortiGate-60F v7.2.5\r\n--More-- ", "\r\r\n"),
      [">", " "],
      ["<", "\r         \rHostname: FGT1\r\n\r\nFGT1 # "],
      ...typed("config global", "\r\nFGT1 (global) # ", "\r\r\n"),
      ...typed(
        "get nonsense",
        "\r\ncommand parse error before 'nonsense'\r\nCommand fail. Return code -61\r\n\r\nFGT1 (global) # ",
        "\r\r\n",
      ),
      ...typed("end", "\r\nFGT1 # ", "\r\r\n"),
    ],
    steps: [
      {
        command: "get system status",
        output: "Version: FortiGate-60F v7.2.5\nHostname: FGT1\n\n",
        mode: "exec",
        prompt: "FGT1 # ",
      },
      { command: "config global", output: "\n", mode: "exec", prompt: "FGT1 (global) # " },
      {
        command: "get nonsense",
        output: "\ncommand parse error before 'nonsense'\nCommand fail. Return code -61\n\n",
        status: "rejected",
        errorLines: ["command parse error before 'nonsense'", "Command fail. Return code -61"],
        mode: "exec",
        prompt: "FGT1 (global) # ",
      },
      { command: "end", output: "\n", mode: "exec", prompt: "FGT1 # " },
    ],
  },
  {
    name: "RouterOS that paints its prompt and every key twice, with blanks to the edge",
    platform: "mikrotik_routeros",
    turns: [
      ["<", "\r\r\n\r  MMM      MMM       KKK\r\n\r\r\nDo you want to see the software license? [Y/n]: "],
      [">", "n"],
      ["<", `\r\n\rPress F1 for help\r\n${painted}`],
      ...routeros("", ""),
      ...routeros("/system identity print", "  name: r1\r\n\r\r\n"),
      ...routeros("/ip fuu", "bad command name fuu (line 1 column 5)\r\n"),
    ],
    steps: [
      { command: "/system identity print", output: "  name: r1\n\n", mode: "exec", prompt: ros },
      {
        command: "/ip fuu",
        output: "bad command name fuu (line 1 column 5)\n",
        status: "rejected",
        errorLines: ["bad command name fuu (line 1 column 5)"],
        mode: "exec",
        prompt: ros,
      },
    ],
  },
  {
    name: "BIRD, whose prompt comes back before its answer",
    platform: "bird",
    turns: [
      ["<", "BIRD 2.0.12 ready.\r\n\x1b[?2004hbird> "],
      ...birdc("", ""),
      ...birdc("show protocols", "Name       Proto      Table      State\r\ndevice1    Device     ---        up\r\n"),
      ...birdc(
        "configure timeout 30",
        "Reading configuration from bird.conf\r\nUndo scheduled in 30 s\r\nReconfigured\r\n",
      ),
      ...birdc("fuu", "No such command. Press `?' for help.\r\n"),
    ],
    steps: [
      {
        command: "show protocols",
        output: "Name       Proto      Table      State\ndevice1    Device     ---        up\n",
        mode: "exec",
        prompt: "bird> ",
      },
      {
        command: "configure timeout 30",
        output: "Reading configuration from bird.conf\nUndo scheduled in 30 s\nReconfigured\n",
        mode: "exec",
        prompt: "bird> ",
      },
      {
        command: "fuu",
        output: "No such command. Press `?' for help.\n",
        status: "rejected",
        errorLines: ["No such command. Press `?' for help."],
        mode: "exec",
        prompt: "bird> ",
      },
    ],
  },
];
