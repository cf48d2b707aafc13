import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAddressRule } from "../../src/outbound/address-rule.js";

const rule = createAddressRule({ allowAddresses: [], allowHosts: [] });

describe("addresses that may be called", () => {
  test.each([
    ...["127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1"],
    ...["0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"],
    ...["::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "2001:0:7f00:1::"],
    ...["::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1"],
    ...["2002:7f00:1::", "2002:a9fe:a9fe::1", "::ffff:0:169.254.169.254", "localhost", ""],
  ])("not %s", (address) => {
    expect(rule.allows(address)).toBe(false);
  });

  test.each(["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])(
    "%s",
    (address) => {
      expect(rule.allows(address)).toBe(true);
    },
  );

  test("an IPv4 address is judged alike in whatever form of IPv6 it comes", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
        const [high, low] = [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)];
        const forms = [
          `::ffff:${address}`,
          `::ffff:${high}:${low}`,
          `64:ff9b::${high}:${low}`,
          `2002:${high}:${low}::`,
        ];
        for (const form of forms) expect([form, rule.allows(form)]).toEqual([form, rule.allows(address)]);
      }),
    );
  });

  test("what is allowed may be called in every form, and nothing beside it", () => {
    const own = createAddressRule({ allowAddresses: ["10.1.0.0/16", "::1"], allowHosts: [] });
    const answers = ["10.1.2.3", "::ffff:10.1.2.3", "::1", "10.2.0.1", "127.0.0.1"].map((one) => own.allows(one));
    expect(answers).toEqual([true, true, true, false, false]);
    expect(() => createAddressRule({ allowAddresses: ["10.0.0.0/33"], allowHosts: [] })).toThrow("10.0.0.0/33");
  });

  test("hosts, where some alone may be called", () => {
    const own = createAddressRule({ allowAddresses: [], allowHosts: ["api.example.com", "*.hooks.example"] });
    const hosts = ["API.example.com", "api.example.com.", "a.hooks.example", "hooks.example", "evilhooks.example"];
    expect(hosts.map((host) => own.allowsHost(host))).toEqual([true, true, true, false, false]);
  });
});
