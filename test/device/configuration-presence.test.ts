import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compareConfigurations,
  type ConfigurationRules,
  createRedactor,
  findLines,
  parseConfiguration,
  predictDiff,
  restoringLines,
  standingOf,
} from "../../src/device/index.js";
import { platform } from "../support/device-engine.js";

function rulesOf(name: string): ConfigurationRules {
  const rules = platform(name).configuration;
  if (!rules) throw new Error(`${name} has no configuration`);
  return rules;
}

const ios = rulesOf("cisco_ios");
const redactor = createRedactor(platform("cisco_ios").secrets);
const running = `Building configuration...
hostname r1
enable secret 5 $1$old
ip domain name example.net
interface Loopback0
 description old
 shutdown
interface Loopback1
 ip address 10.0.0.1 255.255.255.255
end`;

function find(lines: readonly string[], rules = ios, text = running) {
  const parsed = parseConfiguration(rules, lines).lines;
  const presences = findLines(rules, text, parsed, redactor);
  return { presences, standing: standingOf(rules, parsed, presences) };
}

describe("lines in a running configuration", () => {
  test("a line that a running configuration is not looked through for says nothing, as when it is copied from there", () => {
    const frr = rulesOf("frr");
    const text =
      "router bgp 65000\n !\n address-family ipv4 unicast\n  network 10.0.0.0/8\n exit-address-family\nexit\n!\nend";
    const lines = text.split("\n");
    expect(find(lines, frr, text)).toEqual({
      presences: ["PRESENT", "PRESENT", "PRESENT", undefined, undefined],
      standing: "ALL",
    });
    const parsed = parseConfiguration(frr, lines).lines;
    expect(predictDiff(frr, text, parsed, redactor)).toBe("");
    expect(predictDiff(frr, "", parsed, redactor)).not.toContain("exit");
  });

  test.each([
    [["hostname r1"], ["PRESENT"], "ALL"],
    [["hostname r2"], ["ABSENT"], "NONE"],
    [["interface Loopback0", " description old", " shutdown"], ["PRESENT", "PRESENT", "PRESENT"], "ALL"],
    [["interface Loopback0", " description new"], ["PRESENT", "ABSENT"], "NONE"],
    [
      ["interface Loopback0", "description new", "interface Loopback1", "shutdown"],
      ["PRESENT", "ABSENT", "PRESENT", "ABSENT"],
      "NONE",
    ],
    [["interface Loopback0", " no shutdown"], ["PRESENT", "ABSENT"], "NONE"],
    [["interface Loopback1", " no shutdown"], ["PRESENT", "PRESENT"], "ALL"],
    [["interface Loopback9", " description x"], ["ABSENT", "ABSENT"], "NONE"],
    [["int lo0", " description old"], ["UNKNOWN", "UNKNOWN"], "UNKNOWN"],
    [["interface lo0", " description old"], ["UNKNOWN", "UNKNOWN"], "UNKNOWN"],
    [["interface loop 0", " no shutdown"], ["UNKNOWN", "UNKNOWN"], "UNKNOWN"],
    [["interface Loopback0", " desc old", " Shutdown"], ["PRESENT", "UNKNOWN", "UNKNOWN"], "UNKNOWN"],
    [["ip dom name example.net"], ["UNKNOWN"], "UNKNOWN"],
    [["no ip dom name example.net"], ["UNKNOWN"], "UNKNOWN"],
    [["ip domain name example.org"], ["ABSENT"], "NONE"],
    [["no interface lo1"], ["UNKNOWN"], "UNKNOWN"],
    [["no interface Loopback2"], ["PRESENT"], "ALL"],
    [["hostname r1", "ip domain name other.net"], ["PRESENT", "ABSENT"], "SOME"],
    [["enable secret 5 $1$new"], ["UNKNOWN"], "UNKNOWN"],
    [["spanning-tree mode mst"], ["UNKNOWN"], "UNKNOWN"],
    [["interface Loopback0", "exit", "hostname r1"], ["PRESENT", undefined, "PRESENT"], "ALL"],
    [["default interface Loopback0"], ["UNKNOWN"], "UNKNOWN"],
  ] as const)("%j are %j: %s", (lines, presences, standing) => {
    expect(find(lines)).toEqual({ presences, standing });
  });

  test("of a flat form are compared as settings", () => {
    const flat = "set system host-name r1\nset interfaces ge-0/0/0 unit 0 family inet address 10.0.0.1/24\n";
    const rules = rulesOf("juniper_junos");
    const lines = [
      "set system host-name r1",
      'set system host-name "r2"',
      "delete interfaces ge-0/0/1",
      "delete system",
    ];
    expect(find(lines, rules, flat)).toEqual({
      presences: ["PRESENT", "ABSENT", "PRESENT", "ABSENT"],
      standing: "SOME",
    });
    const cut = ["set sys host r1", "set int ge-0/0/0 unit 0", "delete int ge-0/0/0", "set sys host r2"];
    expect(find(cut, rules, flat).presences).toEqual(["UNKNOWN", "UNKNOWN", "UNKNOWN", "ABSENT"]);
  });

  test("of a platform whose form is not that of its lines are not known", () => {
    expect(find(["/ip address add address=10.0.0.1/24"], rulesOf("mikrotik_routeros"), "").standing).toBe("UNKNOWN");
  });
});

describe("the way back", () => {
  test("takes away what came, brings back what went, and names secrets that it cannot bring back", () => {
    const before = running.replace("enable secret 5 $1$old\n", "");
    const now = running
      .replace(" description old\n", " description new\n mtu 1400\n")
      .replace("ip domain name example.net\n", "")
      .replace("interface Loopback1", "interface Loopback2");
    expect(restoringLines(ios, now, before, redactor)).toEqual({
      lost: [],
      lines: [
        ...["no enable secret 5", "no interface Loopback2"],
        ...["ip domain name example.net", "interface Loopback0", " no mtu 1400", " description old", " exit"],
        ...["interface Loopback1", " ip address 10.0.0.1 255.255.255.255", " exit"],
      ],
    });
    expect(restoringLines(ios, before, redactor.redact(running), redactor)?.lost).toEqual([
      "enable secret 5 <redacted>",
    ]);
  });

  test("is a settings' where the platform has a flat form, and none where no line takes another away", () => {
    const back = restoringLines(rulesOf("vyos"), "set a 1\nset b 2", "set a 1\nset c 3", redactor);
    expect(back?.lines).toEqual(["delete b 2", "set c 3"]);
    expect(restoringLines(rulesOf("mikrotik_routeros"), "a", "b", redactor)).toBeUndefined();
  });

  test("leaves sections that cannot be taken away, and names no text where the device takes none", () => {
    const now = "interface lo\n description new\n ip address 10.0.0.1/32\nexit\ninterface eth0\nexit";
    expect(restoringLines(rulesOf("frr"), now, "hostname r1", redactor)?.lines).toEqual([
      ...["interface lo", " no description", " no ip address 10.0.0.1/32", " exit", "hostname r1"],
    ]);
  });

  test("is none where the texts are not in the form of the lines", () => {
    const shown = "system {\n    host-name r1;\n}";
    expect(restoringLines(rulesOf("juniper_junos"), shown, shown.replace("r1", "r2"), redactor)).toBeUndefined();
  });

  test("leads to a configuration that reads as before, whatever was changed", () => {
    const word = fc.constantFrom("alpha", "beta", "gamma");
    const section = fc.record({
      name: fc.constantFrom("Lo0", "Lo1", "Lo2"),
      below: fc.uniqueArray(word, { maxLength: 3 }),
    });
    const config = fc
      .record({
        top: fc.uniqueArray(word, { maxLength: 3 }),
        sections: fc.uniqueArray(section, { selector: (one) => one.name }),
      })
      .map(({ top, sections }) =>
        [
          ...top.map((one) => `feature ${one}`),
          ...sections.flatMap(({ name, below }) => [`interface ${name}`, ...below.map((one) => ` option ${one}`)]),
        ].join("\n"),
      );
    fc.assert(
      fc.property(config, config, (now, before) => {
        const back = restoringLines(ios, now, before, redactor);
        expect(
          compareConfigurations(ios, before, carryOut(now, back?.lines ?? []), redactor)
            .split("\n")
            .sort(),
        ).toEqual([""]);
      }),
    );
  });
});

/** What a device does that takes lines one by one: enough for sections of one level. */
function carryOut(text: string, lines: readonly string[]): string {
  const tree = new Map<string, Set<string>>();
  let open: Set<string> | undefined;
  for (const line of text.split("\n").filter(Boolean)) {
    if (line.startsWith(" ")) open?.add(line.trim());
    else tree.set(line, (open = new Set()));
  }
  open = undefined;
  for (const typed of lines) {
    const line = typed.trim();
    if (line === "exit") open = undefined;
    else if (open && typed.startsWith(" ")) {
      if (line.startsWith("no ")) open.delete(line.slice(3));
      else open.add(line);
    } else if (line.startsWith("no ")) tree.delete(line.slice(3));
    else {
      const known = tree.get(line) ?? new Set<string>();
      tree.set(line, known);
      open = line.startsWith("interface ") ? known : undefined;
    }
  }
  return [...tree].flatMap(([line, below]) => [line, ...[...below].map((one) => ` ${one}`)]).join("\n");
}
