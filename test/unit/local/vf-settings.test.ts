/** Virtual functions' settings: as the kernel tells them, as a network wants them, and the difference. */
import { describe, expect, test } from "vitest";
import {
  configProblems,
  configuredSettings,
  readSettings,
  settingProblems,
  settingsOf,
  settingWords,
} from "../../../core/local/src/networks/vf-settings.ts";

/** What iproute2 6.1 prints: of a function as it came, of one with all that igb can set, of one whose driver tells little. */
const TOLD = JSON.stringify([
  {
    ifname: "pf0",
    vfinfo_list: [
      { vf: 0, address: "00:00:00:00:00:00", vlan_list: [{}], spoofchk: true, link_state: "auto", trust: false },
      {
        vf: 1,
        address: "02:00:00:00:0F:09",
        vlan_list: [{ vlan: 100, qos: 3 }],
        spoofchk: false,
        link_state: "auto",
        trust: true,
      },
      { vf: 2, address: "02:00:00:00:0f:0a", vlan_list: [{ vlan: 7, protocol: "802.1ad" }] },
    ],
  },
]);
const UNTOUCHED = {
  mac: "00:00:00:00:00:00",
  vlan: "0",
  qos: "0",
  proto: "802.1q",
  spoofchk: "on",
  trust: "off",
  state: "auto",
};
const FULL = {
  mac: "02:00:00:00:0f:09",
  vlan: "100",
  qos: "3",
  proto: "802.1q",
  spoofchk: "off",
  trust: "on",
  state: "auto",
};
const config = (settings: object): { readonly type: string } => ({ type: "sriov", ...settings });

describe("what the kernel tells", () => {
  test("is read by the function's number", () => {
    expect(readSettings(TOLD, 0)).toEqual(UNTOUCHED);
    expect(readSettings(TOLD, 1)).toEqual(FULL);
    expect(readSettings(TOLD, 2)).toEqual({ mac: "02:00:00:00:0f:0a", vlan: "7", qos: "0", proto: "802.1ad" });
    expect(readSettings(TOLD, 3)).toBeUndefined();
    expect(readSettings('[{"ifname":"eth0"}]', 0)).toBeUndefined();
  });

  test("is found again among a record's facts", () => {
    expect(settingsOf({ pf: "pf0", index: "1", driver: "igbvf", ...FULL })).toEqual(FULL);
  });
});

describe("what a network says", () => {
  test("is what is set; of the rest it says nothing", () => {
    expect(
      configuredSettings(
        config({ vlan: 100, vlanQoS: 3, vlanProto: "802.1AD", spoofchk: "off", trust: "on", link_state: "enable" }),
      ),
    ).toEqual({
      ...{ vlan: "100", qos: "3", proto: "802.1ad", spoofchk: "off", trust: "on", state: "enable" },
    });
    expect(configuredSettings(config({ vlan: 0 }))).toEqual({ vlan: "0", qos: "0", proto: "802.1q" });
    expect(configuredSettings(config({ vlanQoS: 3 }))).toEqual({});
  });

  test("is refused with all that is wrong with it", () => {
    expect(
      configProblems(config({ vlan: 4095, spoofchk: true, min_tx_rate: 5, ipam: { type: "host-local" } })),
    ).toEqual([
      "its sriov configuration has vlan 4095, which is not a VLAN from 0 to 4094",
      "its sriov configuration has spoofchk true, which is not on or off",
      'its sriov configuration has "min_tx_rate", which netbind does not set: remove it',
      expect.stringContaining("its ipam assigns an address"),
    ]);
    expect(
      configProblems(config({ vlan: 4094, ipam: {}, deviceID: "0000:01:10.0", mac: "02:00:00:00:00:01" })),
    ).toEqual([]);
  });
});

describe("the difference", () => {
  test("is all that is set: what a driver cannot set is left alone while it is as wanted", () => {
    expect(settingWords(FULL, FULL)).toEqual([]);
    expect(settingWords({ state: "auto", spoofchk: "on" }, UNTOUCHED)).toEqual([]);
    expect(settingWords({ state: "enable" }, UNTOUCHED)).toEqual(["state", "enable"]);
    expect(settingWords(UNTOUCHED, FULL)).toEqual(
      ["mac", "00:00:00:00:00:00", "vlan", "0", "qos", "0"].concat("spoofchk", "on", "trust", "off"),
    );
  });

  test("of a VLAN is set with all that belongs to it", () => {
    expect(settingWords(FULL, { ...FULL, qos: "0" })).toEqual(["vlan", "100", "qos", "3"]);
    expect(settingWords({ ...FULL, proto: "802.1ad" }, FULL)).toEqual(["vlan", "100", "qos", "3", "proto", "802.1ad"]);
    expect(settingWords(FULL, { ...FULL, proto: "802.1ad" })).toEqual(["vlan", "100", "qos", "3"]);
  });

  test("is told in sentences, but for what the driver does not tell", () => {
    expect(settingProblems(FULL, FULL)).toEqual([]);
    expect(settingProblems(FULL, { ...FULL, vlan: "0", spoofchk: "on" })).toEqual([
      "its virtual function's VLAN is 0, not 100",
      "its virtual function's spoof check is on, not off",
    ]);
    const { trust: _, ...untold } = FULL;
    expect(settingProblems(FULL, untold)).toEqual([]);
    // It is set all the same: whether the driver can, the kernel tells.
    expect(settingWords(FULL, untold)).toEqual(["trust", "on"]);
  });
});
