import { violation } from "@netbind/contract";
import { findRepeated, perInterface, quote, type Rule } from "./rule.ts";
import { parseIpv4Sloppy } from "../sanitize.ts";

const PRIVATE_OPTIONS = { first: 224, last: 254 } as const;
const VAGUE = "KubeVirt names spec alone; Netbind names the option.";

/** What is asked of `dhcpOptions`. Source: reference, section 3.6. */
export const DHCP_RULES: readonly Rule[] = [
  {
    id: "DHCP-1",
    means: "Every private DHCP option is given once.",
    why: "An option has one value.",
    fix: "give every option once",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    kubevirt: { field: () => "spec", difference: VAGUE },
    find: perInterface(({ dhcpOptions }, path) =>
      findRepeated((dhcpOptions?.privateOptions ?? []).map(({ option }) => option)).map(({ at, first, value }) =>
        violation(
          `${path}.dhcpOptions.privateOptions[${at}].option`,
          `option ${value} is given at privateOptions[${first}] already`,
          "give every option once",
        ),
      ),
    ),
  },
  {
    id: "DHCP-2",
    means: `A private DHCP option is ${PRIVATE_OPTIONS.first} to ${PRIVATE_OPTIONS.last}.`,
    why: "DHCP reserves these numbers for private use.",
    fix: `use ${PRIVATE_OPTIONS.first} to ${PRIVATE_OPTIONS.last}`,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    kubevirt: { field: () => "spec", difference: VAGUE },
    find: perInterface(({ dhcpOptions }, path) =>
      (dhcpOptions?.privateOptions ?? []).flatMap(({ option }, at) =>
        option >= PRIVATE_OPTIONS.first && option <= PRIVATE_OPTIONS.last
          ? []
          : [
              violation(
                `${path}.dhcpOptions.privateOptions[${at}].option`,
                `${option} is not a private option`,
                `use ${PRIVATE_OPTIONS.first} to ${PRIVATE_OPTIONS.last}`,
              ),
            ],
      ),
    ),
  },
  {
    id: "DHCP-3",
    means: "An NTP server is given by its IPv4 address.",
    why: "DHCPv4 sends addresses of servers, not names.",
    fix: "write an IPv4 address",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perInterface(({ dhcpOptions }, path) =>
      (dhcpOptions?.ntpServers ?? []).flatMap((server, at) =>
        parseIpv4Sloppy(server) !== undefined
          ? []
          : [
              violation(
                `${path}.dhcpOptions.ntpServers[${at}]`,
                `${quote(server)} is not a valid IPv4 address`,
                "write an IPv4 address",
              ),
            ],
      ),
    ),
  },
];
