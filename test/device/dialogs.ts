import type { Answer } from "../../src/device/index.js";
import type { Turn } from "../support/dialog.js";

/** One step of a dialog and what has to come out of it. */
export interface DialogStep {
  readonly command?: string;
  readonly enter?: string;
  readonly answers?: readonly Answer[];
  readonly output?: string;
  readonly status?: "ok" | "rejected";
  readonly errorLines?: readonly string[];
  readonly mode: string;
  readonly prompt: string;
}

/** A whole session as the bytes on the wire and as what the engine has to make of it. */
export interface Dialog {
  readonly name: string;
  readonly platform: string;
  readonly turns: readonly Turn[];
  readonly steps: readonly DialogStep[];
}

const wipe = `${"\b".repeat(10)}${" ".repeat(10)}${"\b".repeat(10)}`;

/** Written from what the platforms send; none of them holds a line that equals the prompt. */
export const dialogs: readonly Dialog[] = [
  {
    name: "IOS with banner, enable secret, pager in spite of length 0, errors, log lines, a new name and a question",
    platform: "cisco_ios",
    turns: [
      ["<", "\r\n\r\n*** Authorised # access > only ***\r\n\r\nR1>"],
      [">", "terminal length 0\n"],
      ["<", "terminal length 0\r\n                 ^\r\n% Invalid input detected at '^' marker.\r\n\r\nR1>"],
      [">", "terminal width 511\n"],
      ["<", "terminal width 511\r\nR1>"],
      [">", "enable\n"],
      ["<", "enable\r\nPassword: "],
      [">", "topsecret\n"],
      ["<", "\r\nR1#"],
      [">", "show interfaces description\n"],
      ["<", "show interfaces description\r\nInterface                      Status\r\nGi0/0  up # R2>\r\n --More-- "],
      [">", " "],
      ["<", `${wipe}Gi0/1  down\r\n --More-- `],
      [">", " "],
      ["<", "\r          \rx\r\n\r\nR1#"],
      [">", "show vesion\n"],
      ["<", "show vesion\r\n        ^\r\n% Invalid input detected at '^' marker.\r\n\r\nR1#"],
      [">", "configure terminal\n"],
      ["<", "configure terminal\r\nEnter configuration commands, one per line.  End with CNTL/Z.\r\nR1(config)#"],
      [">", "hostname edge-2\n"],
      ["<", "hostname edge-2\r\nedge-2(config)#"],
      [">", "end\n"],
      ["<", "end\r\nedge-2#\r\n*Mar  1 00:01:02.003: %SYS-5-CONFIG_I: Configured from console by admin on vty0\r\n"],
      ["?", "\n", "\r\nedge-2#"],
      [">", "copy running-config startup-config\n"],
      ["<", "copy running-config startup-config\r\nDestination filename [startup-config]? "],
      [">", "\n"],
      ["<", "\r\nBuilding configuration...\r\n[OK]\r\nedge-2#"],
      [">", "show clock\n"],
      ["<", "show clock\r\n\x1b[1m12:00:00.123\x1b[0m UTC\x00 Fri\x07\r\nM\xfcnchen\r\nedge-2#"],
    ],
    steps: [
      { enter: "enable", mode: "enable", prompt: "R1#" },
      {
        command: "show interfaces description",
        output: "Interface                      Status\nGi0/0  up # R2>\nGi0/1  down\nx\n\n",
        mode: "enable",
        prompt: "R1#",
      },
      {
        command: "show vesion",
        output: "        ^\n% Invalid input detected at '^' marker.\n\n",
        status: "rejected",
        errorLines: ["% Invalid input detected at '^' marker."],
        mode: "enable",
        prompt: "R1#",
      },
      { enter: "config", mode: "config", prompt: "R1(config)#" },
      { command: "hostname edge-2", output: "", mode: "config", prompt: "edge-2(config)#" },
      { enter: "enable", mode: "enable", prompt: "edge-2#" },
      {
        command: "copy running-config startup-config",
        answers: [{ question: "Destination filename [startup-config]?", answer: "" }],
        output: "Destination filename [startup-config]? \nBuilding configuration...\n[OK]\n",
        mode: "enable",
        prompt: "edge-2#",
      },
      { command: "show clock", output: "12:00:00.123 UTC Fri\nMünchen\n", mode: "enable", prompt: "edge-2#" },
    ],
  },
  {
    name: "EOS with a coloured pager and a configuration session",
    platform: "arista_eos",
    turns: [
      ["<", "Last login: Fri Nov 20 10:00:00 2026 from 10.0.0.5\r\r\nsw1>"],
      [">", "terminal length 0\n"],
      ["<", "terminal length 0\r\nPagination disabled.\r\nsw1>"],
      [">", "terminal width 32767\n"],
      ["<", "terminal width 32767\r\nWidth set to 32767 columns.\r\nsw1>"],
      [">", "enable\n"],
      ["<", "enable\r\nsw1#"],
      [">", "show version\n"],
      ["<", "show version\r\nArista DCS-7050\r\n\x1b[7m --More-- \x1b[27m\x1b[K"],
      [">", " "],
      ["<", "\r\x1b[KSerial: ABC\r\n\r\nsw1#"],
      [">", "show versoin\n"],
      ["<", "show versoin\r\n% Invalid input (at token 1: 'versoin')\r\nsw1#"],
      [">", "configure session job7\n"],
      ["<", "configure session job7\r\nsw1(config-s-job7)#"],
      [">", "interface Et1\n"],
      ["<", "interface Et1\r\nsw1(config-s-job7-if-Et1)#"],
      [">", "end\n"],
      ["<", "end\r\nsw1#"],
    ],
    steps: [
      { enter: "enable", mode: "enable", prompt: "sw1#" },
      { command: "show version", output: "Arista DCS-7050\nSerial: ABC\n\n", mode: "enable", prompt: "sw1#" },
      {
        command: "show versoin",
        output: "% Invalid input (at token 1: 'versoin')\n",
        status: "rejected",
        errorLines: ["% Invalid input (at token 1: 'versoin')"],
        mode: "enable",
        prompt: "sw1#",
      },
      { command: "configure session job7", output: "", mode: "config", prompt: "sw1(config-s-job7)#" },
      { command: "interface Et1", output: "", mode: "config", prompt: "sw1(config-s-job7-if-Et1)#" },
      { enter: "enable", mode: "enable", prompt: "sw1#" },
    ],
  },
  {
    name: "FRR with a password inside the session and its pager's NUL and backspaces",
    platform: "frr",
    turns: [
      ["<", "\r\nHello, this is FRRouting (version 8.4.4).\r\n\r\nUser Access Verification\r\n\r\nPassword: "],
      [">", "secret\n"],
      ["<", "\r\nedge1> "],
      [">", "terminal length 0\n"],
      ["<", "terminal length 0\r\nedge1> "],
      [">", "enable\n"],
      ["<", "enable\r\nPassword: "],
      [">", "topsecret\n"],
      ["<", "\r\nedge1# "],
      [">", "show running-config\n"],
      ["<", `show running-config\r\nline one\r\n --More-- \0`],
      [">", " "],
      ["<", `${wipe}\r\nend\r\nedge1# `],
      [">", "shwo\n"],
      ["<", "shwo\r\n% [STATIC] Unknown command: shwo\r\nedge1# "],
      [">", "configure terminal\n"],
      ["<", "configure terminal\r\nedge1(config)# "],
      [">", "hostname edge9\n"],
      ["<", "hostname edge9\r\nedge9(config)# "],
    ],
    steps: [
      { enter: "enable", mode: "enable", prompt: "edge1# " },
      { command: "show running-config", output: "line one\n\nend\n", mode: "enable", prompt: "edge1# " },
      {
        command: "shwo",
        output: "% [STATIC] Unknown command: shwo\n",
        status: "rejected",
        errorLines: ["% [STATIC] Unknown command: shwo"],
        mode: "enable",
        prompt: "edge1# ",
      },
      { enter: "config", mode: "config", prompt: "edge1(config)# " },
      { command: "hostname edge9", output: "", mode: "config", prompt: "edge9(config)# " },
    ],
  },
];
