import { parseAddress, type Violation, violation } from "@netbind/contract";
import type { VmiInterface, VmiPort } from "./api.ts";

/** What a DHCP option holds at the most (RFC 2132, section 2). */
const OPTION_LIMIT = 255;

function admitPort(port: VmiPort, at: number, ports: readonly VmiPort[], path: string): readonly Violation[] {
  const here = `${path}.ports[${at}]`;
  const { name, protocol } = port;
  const isName = (text: string): boolean => /^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/.test(text) && /[a-z]/.test(text) && !text.includes("--");
  return [
    ...(name && ports.findIndex((other) => other.name === name) < at
      ? [violation(`${here}.name`, `${JSON.stringify(name)} is the name of another port already`, "give every port a name of its own")]
      : []),
    ...(name && !isName(name)
      ? [
          violation(
            `${here}.name`,
            `${JSON.stringify(name)} is no port name`,
            "use 1 to 15 lower-case letters, digits and -, with a letter",
          ),
        ]
      : []),
    ...(Number.isInteger(port.port) && port.port >= 1 && port.port <= 65_535
      ? []
      : [
          violation(
            `${here}.port`,
            port.port === undefined ? "no port is given" : `${JSON.stringify(port.port)} is no port`,
            "use 1 to 65535",
          ),
        ]),
    ...(protocol && protocol !== "TCP" && protocol !== "UDP"
      ? [violation(`${here}.protocol`, `${JSON.stringify(protocol)} is no protocol that ports have`, "use TCP or UDP")]
      : []),
  ];
}

/** What is wrong with an interface's `ports`. */
export const admitPorts = (nic: VmiInterface, path: string): readonly Violation[] => [
  ...(nic.ports ?? []).flatMap((port, at, ports) => admitPort(port, at, ports, path)),
  ...(nic.portRanges === undefined
    ? []
    : [violation(`${path}.portRanges`, "the feature gate PortRangesSpec is off", "list the ports under ports")]),
];

function admitText(text: string | undefined, field: string): readonly Violation[] {
  if (text === undefined) return [];
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) {
    return [violation(field, `${JSON.stringify(text)} holds a control character`, "write printable text on one line")];
  }
  const bytes = encodeURIComponent(text).replace(/%../g, "x").length;
  return bytes > OPTION_LIMIT ? [violation(field, `${bytes} bytes are more than a DHCP option holds`, `use at most ${OPTION_LIMIT}`)] : [];
}

/** What is wrong with an interface's `dhcpOptions`. */
export function admitDhcpOptions(nic: VmiInterface, path: string): readonly Violation[] {
  const { bootFileName, tftpServerName, ntpServers = [], privateOptions = [] } = nic.dhcpOptions ?? {};
  const here = `${path}.dhcpOptions`;
  return [
    ...admitText(bootFileName, `${here}.bootFileName`),
    ...admitText(tftpServerName, `${here}.tftpServerName`),
    ...ntpServers.flatMap((server, at) =>
      parseAddress(server)?.family === 4
        ? []
        : [violation(`${here}.ntpServers[${at}]`, `${JSON.stringify(server)} is no IPv4 address`, "write an IPv4 address")],
    ),
    ...privateOptions.flatMap(({ option, value }, at) => {
      const field = `${here}.privateOptions[${at}]`;
      return [
        ...(option >= 224 && option <= 254 ? [] : [violation(`${field}.option`, `${option} is no private option`, "use 224 to 254")]),
        ...(privateOptions.findIndex((other) => other.option === option) < at
          ? [violation(`${field}.option`, `option ${option} is given already`, "give every option once")]
          : []),
        ...(value === ""
          ? [violation(`${field}.value`, "the value is empty", "give a value, or remove the option")]
          : admitText(value, `${field}.value`)),
      ];
    }),
  ];
}
