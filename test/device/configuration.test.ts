import { describe, expect, test } from "vitest";
import {
  compareConfigurations,
  createRedactor,
  normalConfiguration,
  parseConfiguration,
  parsePlatform,
  planHash,
  predictDiff,
  redactDiff,
  type ConfigurationRules,
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

Current configuration : 321 bytes
!
! Last configuration change at 10:00:00 UTC
hostname r1
enable secret 5 $1$old
interface Loopback0
 description old
 shutdown
interface Loopback1
 ip address 10.0.0.1 255.255.255.255
end`;
const predict = (...lines: string[]): string =>
  predictDiff(ios, running, parseConfiguration(ios, lines).lines, redactor);

describe("lines as they are typed", () => {
  test("empty lines, comments and a closing end mean nothing; indentation stays", () => {
    const { lines, problems } = parseConfiguration(ios, ["!", "interface Lo0", "", "  description x ", "end", ""]);
    expect(lines.map(({ text }) => text)).toEqual(["interface Lo0", "  description x"]);
    expect(problems).toEqual([]);
  });

  test.each([
    ["cisco_ios", ["end", "do show run", "configure terminal", "wr"], ["config-register 0x2102", "endpoint x"]],
    ["arista_eos", ["commit", "comm", "abort", "end", "do x", "bash"], ["community x", "ip community-list x"]],
    // Seen on the daemon: `disc` drops all that was typed before it, and what is committed then is nothing.
    [
      "frr_tcli",
      ["commit", "disc", "di", "discard", "rol 1", "upd", "con lo x", "end", "write memory"],
      ["community x", "continue 20"],
    ],
    ["cisco_iosxr", ["ab", "cl", "roll 1", "loa x", "ru x"], ["class x", "role x", "controller x", "admin-state"]],
    ["juniper_junos", ["ro 1", "rol 1", "ex", "q", "l x", "sa x", "ru x"], ["rename a to b", "set x", "s x"]],
    ["nokia_sros", ["disc", "val", "roll", "/adm x", "cl x"], ["admin-state enable", "description x"]],
    ["huawei_vrp8", ["ret", "sa", "ab", "roll x", "res x", "quit all"], ["route-policy x", "router id x", "quit"]],
  ])("on %s what would leave, commit or save is never typed", (name, refused, typed) => {
    for (const line of refused) {
      expect([line, parseConfiguration(rulesOf(name), [line, "ip routing"]).problems.length]).toEqual([line, 1]);
    }
    for (const line of typed) expect([line, parseConfiguration(rulesOf(name), [line]).problems]).toEqual([line, []]);
  });

  test.each(["frr", "frr_tcli"])(
    "on %s any sentence is a refusal, but for the remarks on lines that are taken",
    (name) => {
      const { errors } = rulesOf(name);
      for (const refusal of [
        "BGP is already running; AS is 65000",
        "There is already same network statement.",
        "Please specify area by A.B.C.D|<0-4294967295>",
        "Can't find ISIS instance x",
        "reference-bandwidth value is invalid",
      ])
        expect([refusal, errors?.test(refusal)]).toEqual([refusal, true]);
      for (const remark of [
        "This command is deprecated, because it is not VRF-aware.",
        'Please, use "ip ospf passive" on an interface instead.',
        'For this router-id change to take effect, use "clear ip ospf process" command',
        "Note: this version of vtysh never writes vtysh.conf",
        "Building Configuration...",
        "Current configuration:",
        "router bgp 65000",
        " description Bad neighbour",
      ])
        expect([remark, errors?.test(remark)]).toEqual([remark, false]);
    },
  );

  test("holds no key: a help key is a problem outside of blocks, and a tab is a blank", () => {
    const banner = ["banner motd ^C", "really?", "^C"];
    const { lines, problems } = parseConfiguration(ios, [
      "interface Lo0",
      "\tdescription up?",
      "\tip\tmtu 1400",
      ...banner,
    ]);
    expect(problems).toEqual([{ index: 1, problem: expect.stringContaining('"?" asks this device for help') }]);
    expect(lines.map(({ text }) => text)).toEqual(["interface Lo0", " ip mtu 1400", "banner motd ^C"]);
  });

  test("a banner's text stays together, whatever stands in it", () => {
    const { lines } = parseConfiguration(ios, ["banner motd ^C", "end", "! not a comment", "^C", "ip routing"]);
    expect(lines.map(({ text, block }) => [text, block?.lines])).toEqual([
      ["banner motd ^C", ["end", "! not a comment", "^C"]],
      ["ip routing", undefined],
    ]);
    expect(parseConfiguration(ios, ["banner motd #hello#"]).lines[0]?.block).toBeUndefined();
    const eos = parseConfiguration(rulesOf("arista_eos"), ["banner motd", "hello", "EOF", "ip routing"]).lines;
    expect(eos.map(({ block }) => block?.lines)).toEqual([["hello", "EOF"], undefined]);
  });

  test("a text that never ends, or that a device could take for ended before it is, is refused", () => {
    expect(parseConfiguration(ios, ["banner motd #", "never", "closed"]).problems).toHaveLength(1);
    expect(parseConfiguration(ios, ["banner motd ^C", "2^10", "reload", "^C"]).problems).toHaveLength(1);
    expect(parseConfiguration(rulesOf("arista_eos"), ["banner motd", "x"]).problems).toHaveLength(1);
  });

  test("a certificate goes in as one with the line that opens it", () => {
    const input = ["crypto pki certificate chain x", " certificate 01", "  30820241 308201AA", "  quit", "ip routing"];
    expect(parseConfiguration(ios, input).lines.map(({ block }) => block?.lines)).toEqual([
      undefined,
      ["  30820241 308201AA", "  quit"],
      undefined,
    ]);
  });
});

describe("the predicted difference", () => {
  test("shows what is added, replaced and removed, inside its section", () => {
    expect(predict("interface Loopback0", " description new", " no shutdown", "hostname r2")).toBe(
      "-hostname r1\n+hostname r2\n interface Loopback0\n- description old\n+ description new\n- shutdown\n",
    );
    expect(predict("no interface Loopback1")).toBe("-interface Loopback1\n- ip address 10.0.0.1 255.255.255.255\n");
    expect(predict("interface Loopback0", " description old", "no ip routing")).toBe("");
  });

  test("without indentation a section goes on until the next one or exit", () => {
    const flat = predict(
      "interface Loopback0",
      "description new",
      "interface Loopback2",
      "shutdown",
      "exit",
      "ntp server x",
    );
    expect(flat).toBe(
      " interface Loopback0\n- description old\n+ description new\n+interface Loopback2\n+ shutdown\n+ntp server x\n",
    );
  });

  test("tells that a secret changes, and neither the old nor the new one", () => {
    expect(predict("enable secret 5 $1$new")).toBe("-enable secret 5 <redacted>\n+enable secret 5 <redacted>\n");
    expect(redactDiff(redactor, "+enable secret 5 $1$new\n x")).toBe("+enable secret 5 <redacted>\n x");
  });

  test("two running configurations compare without what changes by itself", () => {
    const later = running.replace("10:00:00", "11:00:00").replace("321 bytes", "322 bytes");
    expect(compareConfigurations(ios, running, later, redactor)).toBe("");
    expect(normalConfiguration(ios, later)).toBe(normalConfiguration(ios, running));
    const { lines } = parseConfiguration(ios, ["hostname r2"]);
    const hash = planHash("cisco_ios", lines, normalConfiguration(ios, running), false);
    expect(planHash("cisco_ios", lines, normalConfiguration(ios, later), false)).toBe(hash);
    expect(planHash("cisco_ios", lines, normalConfiguration(ios, `${running}\nntp server x`), false)).not.toBe(hash);
    expect(
      planHash("cisco_ios", parseConfiguration(ios, ["hostname r3"]).lines, normalConfiguration(ios, running), false),
    ).not.toBe(hash);
    expect(planHash("cisco_ios", lines, normalConfiguration(ios, running), true)).not.toBe(hash);
  });
});

describe("the definition", () => {
  const base = `
name: x
description: x
channel: shell
terminal: { columns: 80, rows: 24 }
prompts: { enable: '^(?<host>r)#$', config: '^(?<host>r)\\(config\\)#$' }
configure:
  evidence: documents
  base: enable
  mode: config
  enter: { send: conf }
  leave: { send: end }
  running: { send: show }
`;
  test.each([
    ["configure.evidence", base.replace("documents", "hearsay")],
    ["configure.mode", base.replace("mode: config", "mode: nowhere")],
    ["configure.blocks[0].start", `${base}  blocks: [{ start: "^x", invite: y }]\n`],
    ["configure.single", `${base}  single: "^x"\n`],
    [
      "configure.confirmed",
      `${base}  confirmed: { evidence: documents, commit: { send: c }, confirm: { send: c }, revert: { send: r }, session: new, min_seconds: 1, max_seconds: 2 }\n`,
    ],
    ["configure.colour", `${base}  colour: red\n`],
  ])("names the field that is wrong: %s", (field, yaml) => {
    expect(parsePlatform(base).configuration?.base).toBe("enable");
    expect(() => parsePlatform(yaml)).toThrow(field);
  });
});
