import { parseAddress, parseCidr, RESERVED_BRIDGE_MAC, type Violation, violation } from "@netbind/contract";
import type { VmiInterface } from "../../api.ts";
import { isDomainName } from "../../values/domain-name.ts";
import { parseHardwareAddress } from "../../nic/hardware-address.ts";
import { takenMacBinding } from "../../nic/taken-mac.ts";
import { KEEPS_ITS_MAC } from "../../pod/cni-plugins.ts";
import { cniTypes, nadOf } from "../../pod/nads.ts";
import { neverStarts } from "./netbind-rules.ts";
import { bindingFor, findRepeated, perInterface, perNetwork, quote, type Rule } from "./rule.ts";
import { INTERFACES_PATH } from "../../vmi.ts";

/** What a DHCP option holds at the most (RFC 2132, section 2). */
const OPTION_BYTES = 255;
/** As many IPv4 addresses as that is. */
const MOST_SERVERS = 63;
const LAST_ACPI_INDEX = 16_383;

/** The first version that has the core binding passtBinding. */
const FIRST_WITH_PASST_BINDING = 8;

const colons = (text: string | undefined): string | undefined => parseHardwareAddress(text ?? "")?.join(":");

/** A guest's network of a family, where it has no room for a gateway and a guest. */
const guestNetwork = (
  field: "vmNetworkCIDR" | "vmIPv6NetworkCIDR",
  family: 4 | 6,
  longest: number,
  example: string,
): Rule["find"] =>
  perNetwork(({ pod }, path) => {
    const text = pod?.[field];
    if (!text) return [];
    const cidr = parseCidr(text);
    if (cidr?.family === family && cidr.prefix <= longest) return [];
    const why =
      cidr?.family === family ? "leaves no room for a gateway and a guest" : `is not a valid IPv${family} network`;
    return [
      violation(
        `${path}.pod.${field}`,
        `${quote(text)} ${why}`,
        `write address/prefix with a prefix of at most ${longest}, such as ${example}`,
      ),
    ];
  });

function textProblem(text: string | undefined, field: string): readonly Violation[] {
  if (text === undefined) return [];
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) {
    return [violation(field, `${quote(text)} holds a control character`, "write printable text on one line")];
  }
  const bytes = encodeURIComponent(text).replace(/%../g, "x").length;
  return bytes > OPTION_BYTES
    ? [violation(field, `${bytes} bytes are more than a DHCP option holds`, `use at most ${OPTION_BYTES}`)]
    : [];
}

function dhcpTexts({ dhcpOptions }: VmiInterface, path: string): readonly Violation[] {
  const { bootFileName, tftpServerName, ntpServers = [], privateOptions = [] } = dhcpOptions ?? {};
  const here = `${path}.dhcpOptions`;
  return [
    ...(ntpServers.length > MOST_SERVERS
      ? [
          violation(
            `${here}.ntpServers`,
            `${ntpServers.length} servers are more than a DHCP option holds`,
            `list at most ${MOST_SERVERS}`,
          ),
        ]
      : []),
    ...textProblem(bootFileName, `${here}.bootFileName`),
    ...textProblem(tftpServerName, `${here}.tftpServerName`),
    ...privateOptions.flatMap(({ value }, at) => {
      const field = `${here}.privateOptions[${at}].value`;
      return value
        ? textProblem(value, field)
        : [violation(field, "the value is empty", "give a value, or remove the option")];
    }),
  ];
}

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** What is accepted, and cannot work. */
export const UNUSABLE_RULES: readonly Rule[] = [
  neverStarts({
    id: "CIDR-1",
    means: "vmNetworkCIDR is an IPv4 network with room for a gateway and a guest.",
    why: "KubeVirt reads it only when it sets up the pod's network, and the VM fails then.",
    fix: "write address/prefix with a prefix of at most 30, such as 10.0.2.0/24",
    find: guestNetwork("vmNetworkCIDR", 4, 30, "10.0.2.0/24"),
  }),
  neverStarts({
    id: "CIDR-2",
    means: "vmIPv6NetworkCIDR is an IPv6 network with room for a gateway and a guest.",
    why: "KubeVirt reads it only when it sets up the pod's network, and the VM fails then.",
    fix: "write address/prefix with a prefix of at most 126, such as fd10:0:2::/120",
    find: guestNetwork("vmIPv6NetworkCIDR", 6, 126, "fd10:0:2::/120"),
  }),
  neverStarts({
    id: "MAC-1",
    means: "Every interface has a MAC address of its own.",
    why: "Neither a guest nor a bridge can distinguish two NICs with one address.",
    fix: "give every interface a MAC address of its own",
    find: ({ interfaces }) =>
      findRepeated(interfaces.map(({ macAddress }, at) => colons(macAddress) ?? `none ${at}`)).map(
        ({ at, first, value }) =>
          violation(
            `${INTERFACES_PATH}[${at}].macAddress`,
            `${value} is the MAC address of ${INTERFACES_PATH}[${first}] already`,
            "give every interface a MAC address of its own",
          ),
      ),
  }),
  neverStarts({
    id: "MAC-2",
    means: "A NIC's MAC address is a unicast address, and not zero.",
    why: "libvirt refuses a multicast address when it defines the domain, and no network carries frames of address zero.",
    fix: "clear the lowest bit of the first byte, for example 02:00:00:00:00:01",
    find: perInterface(({ macAddress }, path) => {
      const bytes = parseHardwareAddress(macAddress ?? "");
      if (bytes?.length !== 6) return [];
      const group = (Number.parseInt(bytes[0] ?? "0", 16) & 1) === 1;
      if (!group && bytes.some((byte) => byte !== "00")) return [];
      return [
        violation(
          `${path}.macAddress`,
          `${macAddress} is ${group ? "a multicast address" : "not a valid address of a NIC"}`,
          "use an address that begins with 02",
        ),
      ];
    }),
  }),
  neverStarts({
    id: "MAC-3",
    means: "A masquerade NIC does not have the in-pod bridge's MAC address, in whatever form it is written.",
    why: "KubeVirt compares the text with colons only (BIND-3); with dashes or dots the guest gets the bridge's address.",
    fix: "choose another MAC address",
    find: perInterface((nic, path) =>
      nic.masquerade !== undefined &&
      nic.macAddress !== RESERVED_BRIDGE_MAC &&
      colons(nic.macAddress) === RESERVED_BRIDGE_MAC
        ? [
            violation(
              `${path}.macAddress`,
              `${nic.macAddress} is the address of the in-pod bridge`,
              "choose another MAC address",
            ),
          ]
        : [],
    ),
  }),
  neverStarts({
    id: "DHCP-4",
    means: "A DHCP option's text has 1 to 255 printable bytes.",
    why: "An option holds at most 255 bytes, and the server's configuration cannot contain control characters.",
    fix: "write 1 to 255 bytes of printable text",
    find: perInterface(dhcpTexts),
  }),
  neverStarts({
    id: "ACPI-1",
    means: `An ACPI index is 1 to ${LAST_ACPI_INDEX}, and only one device has it.`,
    why: "QEMU refuses any other, and KubeVirt does not check it.",
    fix: `use each of 1 to ${LAST_ACPI_INDEX} once at most`,
    find: ({ interfaces }) => [
      ...interfaces.flatMap(({ acpiIndex = 0 }, at) =>
        acpiIndex > LAST_ACPI_INDEX
          ? [
              violation(
                `${INTERFACES_PATH}[${at}].acpiIndex`,
                `${acpiIndex} is more than ${LAST_ACPI_INDEX}`,
                `use 1 to ${LAST_ACPI_INDEX}`,
              ),
            ]
          : [],
      ),
      ...findRepeated(interfaces.map(({ acpiIndex = 0 }, at) => (acpiIndex > 0 ? acpiIndex : -at - 1))).map(
        ({ at, first, value }) =>
          violation(
            `${INTERFACES_PATH}[${at}].acpiIndex`,
            `${value} is the ACPI index of ${INTERFACES_PATH}[${first}] already`,
            "give every device an index of its own",
          ),
      ),
    ],
  }),
  neverStarts({
    id: "BIND-5",
    means: "An interface has exactly one binding.",
    why: "Up to 1.8 KubeVirt accepted none or two, and the launcher failed on such a VM.",
    fix: "give it one, such as masquerade: {}",
    until: 8,
    find: perInterface((nic, path, { version, networkOf }) => {
      // A version that has no passtBinding drops the key.
      const keys = (["bridge", "masquerade", "sriov", "passtBinding", "slirp", "passt", "macvtap"] as const).filter(
        (key) => nic[key] !== undefined && (key !== "passtBinding" || version >= FIRST_WITH_PASST_BINDING),
      );
      if (nic.binding !== undefined || keys.length === 1) return [];
      const problem = keys.length === 0 ? "no binding" : `${keys.length} bindings: ${keys.join(", ")}`;
      return [
        violation(
          path,
          `interface ${quote(nic.name)} has ${problem}`,
          `give it one, such as ${bindingFor(networkOf(nic))}`,
        ),
      ];
    }),
  }),
  neverStarts({
    id: "CNI-1",
    means: "Bridge does not work on a network of macvlan or ipvlan.",
    why: "Bridge moves the pod link's MAC address to the guest, and these CNI plugins drop frames with any address but the link's.",
    fix: "use the macvtap binding, or another CNI plugin",
    find: perInterface((nic, path, subject) => {
      const nad = nadOf(subject.networkOf(nic), subject.vmi.metadata.namespace, subject.nads);
      const type = nad === undefined ? undefined : cniTypes(nad).find((name) => KEEPS_ITS_MAC.includes(name));
      const taker = takenMacBinding(nic, subject.configuration);
      if (taker === undefined || type === undefined) return [];
      return [
        violation(
          `${path}.${nic.binding === undefined ? "bridge" : "binding.name"}`,
          `${taker} does not work on a network of the CNI plugin ${type}`,
          "use the macvtap binding, or another CNI plugin",
        ),
      ];
    }),
  }),
  neverStarts({
    id: "DNS-1",
    means: "The entries of dnsConfig are valid domains and addresses of name servers.",
    why: "The cluster refuses the VM's pod with any other value.",
    fix: "write domains such as example.com, and addresses",
    find: ({ vmi: { spec } }) => [
      ...(spec.dnsConfig?.searches ?? []).flatMap((text, at) =>
        isDomainName(text.toLowerCase().replace(/\.$/, ""))
          ? []
          : [
              violation(
                `spec.dnsConfig.searches[${at}]`,
                `${quote(text)} is not a valid domain name`,
                "write a domain such as example.com",
              ),
            ],
      ),
      ...(spec.dnsConfig?.nameservers ?? []).flatMap((text, at) =>
        parseAddress(text)
          ? []
          : [
              violation(
                `spec.dnsConfig.nameservers[${at}]`,
                `${quote(text)} is not a valid IP address`,
                "write the name server's address",
              ),
            ],
      ),
    ],
  }),
  neverStarts({
    id: "DNS-2",
    means: "The host name and the subdomain are DNS labels.",
    why: "The cluster refuses the VM's pod with any other value.",
    fix: "use at most 63 lower-case letters, digits and -",
    find: ({ vmi: { spec } }) =>
      (["hostname", "subdomain"] as const).flatMap((field) => {
        const text = spec[field];
        return !text || DNS_LABEL.test(text)
          ? []
          : [
              violation(
                `spec.${field}`,
                `${quote(text)} is not a valid DNS label`,
                "use lower-case letters, digits and -",
              ),
            ];
      }),
  }),
];
