import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { createCommandTree } from "../../src/dev/simulator/command-tree.js";
import { loadPersonalities } from "../../src/dev/simulator/personality-loader.js";
import { createRunningConfig } from "../../src/dev/simulator/running-config.js";

const OWN = new URL("../../src/dev/simulator/personalities/", import.meta.url);

async function load(source: string): Promise<unknown> {
  const dir = await mkdtemp(join(tmpdir(), "personalities-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await writeFile(join(dir, "acme.yaml"), source);
  return loadPersonalities(pathToFileURL(`${dir}/`));
}

test("every platform of ours loads", () => {
  expect([...loadPersonalities(OWN).keys()]).toEqual(["arista_eos", "cisco_ios", "frr", "linux"]);
});

test.each([
  [
    "a field that is not known",
    (text: string) => text.replace("greeting:", "greting:"),
    /acme\.yaml: unknown field "greting"/,
  ],
  [
    "a value of the wrong kind",
    (text: string) => text.replace(/channels: 1 /, "channels: one "),
    /acme\.yaml: ssh: channels must be a number/,
  ],
  [
    "a way to configure that is not known",
    (text: string) => text.replace("config: single", "config: twice"),
    /commands\.\w+\[\d+\]\.config must be line/,
  ],
  [
    "a missing text",
    (text: string) => text.replace(/more: .*/, "more: { text: x }"),
    /acme\.yaml: more: erase must be text/,
  ],
])("an error in a personality names file and field: %s", async (_what, spoil, message) => {
  const source = readFileSync(new URL("cisco_ios.yaml", OWN), "utf8");
  const spoiled = spoil(source);
  expect(spoiled).not.toBe(source);
  await expect(load(source)).resolves.toBeDefined();
  await expect(load(spoiled)).rejects.toThrow(message);
});

test("command tree: abbreviations, values by kind, and where a line goes wrong", () => {
  const tree = createCommandTree<string>(["GigabitEthernet", "Loopback"]);
  tree.add("show clock", "clock");
  tree.add("show cloud <name>", "cloud");
  tree.add("interface <name:interface>", "interface");
  tree.add("vlan <id:1-4094>", "vlan");
  tree.add("ip address <address:ip> <mask:ip>", "address");
  tree.add("description <text...>", "description");
  expect(tree.find("sh clock")).toMatchObject({ kind: "found", entry: "clock", canonical: "show clock" });
  expect(tree.find("sh clo")).toEqual({ kind: "ambiguous", column: 3 });
  expect(tree.find("  show  clx")).toEqual({ kind: "invalid", column: 10, token: 1, text: "clx" });
  expect(tree.find("show")).toMatchObject({ kind: "incomplete", canonical: "show" });
  expect(tree.find("int gi0/1")).toMatchObject({ canonical: "interface GigabitEthernet0/1", stem: "interface" });
  expect(tree.find("int Lo 7")).toMatchObject({ canonical: "interface Loopback7", values: { name: "Loopback7" } });
  expect(tree.find("int vlan1").kind).toBe("invalid");
  expect(tree.find("vlan 4094").kind).toBe("found");
  expect(tree.find("vlan 4095")).toMatchObject({ kind: "invalid", column: 5 });
  expect(tree.find("ip add 10.0.0.1 255.0.0.0")).toMatchObject({ stem: "ip address", values: { mask: "255.0.0.0" } });
  expect(tree.find("ip add 10.0.0.256 255.0.0.0")).toMatchObject({ kind: "invalid", column: 7 });
  expect(tree.find("desc  a  b ")).toMatchObject({ canonical: "description a  b" });
  expect(tree.find("vlan 1 2")).toMatchObject({ kind: "invalid", column: 7 });
  expect(tree.next("show c")).toEqual(["clock", "cloud"]);
  expect(tree.next("show clock ")).toEqual(["<cr>"]);
});

test("running configuration: sections, replacement, removal, and the same text again when read back", () => {
  const layout = { indent: " ", close: "", separator: "!" };
  const config = createRunningConfig("hostname a\ninterface eth0\n mtu 1500\nntp server 1.1.1.1\n");
  config.set([], "ntp server 2.2.2.2");
  config.set([], "hostname b", { replaces: "hostname" });
  config.set(["interface eth0"], "mtu 9000", { replaces: "mtu" });
  config.set(["router bgp 1", "address-family ipv4"], "network 10.0.0.0/8");
  expect(config.remove([], "ntp server 1.1.1.1")).toBe(true);
  expect(config.remove([], "ntp server 1.1.1.1")).toBe(false);
  const text = config.render(layout);
  expect(text).toBe(
    "hostname b\n!\ninterface eth0\n mtu 9000\n!\nntp server 2.2.2.2\n!\nrouter bgp 1\n address-family ipv4\n  network 10.0.0.0/8\n!\n",
  );
  expect(createRunningConfig(text).render(layout)).toBe(text);
});
