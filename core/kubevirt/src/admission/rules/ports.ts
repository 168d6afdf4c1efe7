import { type Violation, violation } from "@netbind/contract";
import type { VmiInterface, VmiPort } from "../../api.ts";
import { perInterface, quote, type Rule, type RuleContext } from "./rule.ts";

const LAST_PORT = 65_535;
const MOST_RANGES = 10;
const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= LAST_PORT;
/** An IANA service name, as Kubernetes asks it of a port. */
const isPortName = (text: string): boolean =>
  /^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/.test(text) && /[a-z]/.test(text) && !text.includes("--");

/** A listed port of an interface, by its index. */
interface ListedPort {
  readonly nic: VmiInterface;
  readonly at: number;
}

/** Makes a predicate from one that looks at a listed port of a NIC on the pod network: no other ports are looked at. */
const perPort = (
  find: (port: VmiPort, path: string, listed: ListedPort, subject: RuleContext) => readonly Violation[],
): Rule["find"] =>
  perInterface((nic, path, subject) => {
    if (subject.networkOf(nic)?.pod === undefined) return [];
    return (nic.ports ?? []).flatMap((port, at) => find(port, `${path}.ports[${at}]`, { nic, at }, subject));
  });

/** The names of the ports before one: of its interface since 1.3, of the whole VM in older versions. */
function namesBefore({ nic, at }: ListedPort, { version, interfaces }: RuleContext): readonly (string | undefined)[] {
  const others = version >= 3 ? [] : interfaces.slice(0, interfaces.indexOf(nic)).flatMap(({ ports }) => ports ?? []);
  return [...others, ...(nic.ports ?? []).slice(0, at)].map(({ name }) => name);
}

/** What is asked of listed ports. Source: reference, section 3.5. */
export const PORT_RULES: readonly Rule[] = [
  {
    id: "PORT-1",
    means: "Every port of an interface has a name of its own.",
    why: "Services refer to a port by its name.",
    fix: "give every port a name of its own",
    reason: "FieldValueDuplicate",
    consequence: "rejected",
    judge: "network",
    find: perPort(({ name }, path, listed, subject) =>
      name && namesBefore(listed, subject).includes(name)
        ? [
            violation(
              `${path}.name`,
              `${quote(name)} is the name of another port already`,
              "give every port a name of its own",
            ),
          ]
        : [],
    ),
  },
  {
    id: "PORT-2",
    means: "A port's name is valid in Kubernetes.",
    why: "It becomes the name of a container port.",
    fix: "use 1 to 15 lower-case letters, digits and -, with a letter, and - neither first nor last nor twice",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perPort(({ name }, path) =>
      name && !isPortName(name)
        ? [
            violation(
              `${path}.name`,
              `${quote(name)} is not a valid port name`,
              "use 1 to 15 lower-case letters, digits and -, with a letter",
            ),
          ]
        : [],
    ),
  },
  {
    id: "PORT-3",
    means: "A listed port has a number.",
    why: "Nothing else defines which port it is.",
    fix: "write port: 1 to 65535",
    reason: "FieldValueRequired",
    consequence: "rejected",
    judge: "network",
    find: perPort(({ port }, path) =>
      port === undefined || port === 0 ? [violation(`${path}.port`, "no port is given", "use 1 to 65535")] : [],
    ),
  },
  {
    id: "PORT-4",
    means: "A port is 1 to 65535.",
    why: "TCP and UDP have no other ports.",
    fix: "use 1 to 65535",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perPort(({ port }, path) =>
      port === undefined || port === 0 || isPort(port)
        ? []
        : [violation(`${path}.port`, `${port} is not a valid port number`, "use 1 to 65535")],
    ),
  },
  {
    id: "PORT-5",
    means: "A port's protocol is TCP or UDP.",
    why: "KubeVirt forwards no other protocol, and takes upper case only.",
    fix: "use TCP or UDP, or remove the field for TCP",
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perPort(({ protocol }, path) =>
      protocol && protocol !== "TCP" && protocol !== "UDP"
        ? [violation(`${path}.protocol`, `${quote(protocol)} is not a valid protocol of a port`, "use TCP or UDP")]
        : [],
    ),
  },
];

type Range = NonNullable<VmiInterface["portRanges"]>[number];

/** The ranges that are looked at: those of a NIC on the pod network, where the gate is on. */
const judgedRanges = (nic: VmiInterface, { gate, networkOf }: RuleContext): readonly Range[] | undefined =>
  gate("PortRangesSpec") && networkOf(nic)?.pod !== undefined ? nic.portRanges : undefined;

/** The first thing that is wrong with a range, as the end of its path, or nothing. */
function rangeProblem({ protocol, start, end }: Range): Violation | undefined {
  if (protocol !== "TCP" && protocol !== "UDP")
    return violation("protocol", `${quote(protocol ?? "")} is not a valid protocol of a range`, "use TCP or UDP");
  if (!isPort(start)) return violation("start", `${start} is not a valid port number`, "use 1 to 65535");
  if (!isPort(end)) return violation("end", `${end} is not a valid port number`, "use 1 to 65535");
  if (start > end)
    return violation("start", `the range begins with ${start} and ends with ${end}`, "begin with the smaller port");
  return undefined;
}

/** Each range that has ports in common with an earlier one of its protocol. */
function overlaps(ranges: readonly Range[]): readonly string[] {
  const sound = ranges.filter((range) => rangeProblem(range) === undefined);
  return sound.flatMap((range, at) => {
    const other = sound
      .slice(0, at)
      .find(
        (earlier) => earlier.protocol === range.protocol && earlier.start <= range.end && range.start <= earlier.end,
      );
    return other === undefined ? [] : [`${range.protocol} ${range.start}-${range.end} and ${other.start}-${other.end}`];
  });
}

/** A rule of `portRanges` that looks at all ranges of an interface at once. */
const rangesRule = (
  rule: Pick<Rule, "id" | "means" | "why" | "fix">,
  find: (ranges: readonly Range[], nic: VmiInterface, path: string) => readonly Violation[],
): Rule => ({
  ...rule,
  since: 9,
  reason: "FieldValueInvalid",
  consequence: "rejected",
  judge: "network",
  find: perInterface((nic, path, subject) => {
    const ranges = judgedRanges(nic, subject);
    return ranges === undefined ? [] : find(ranges, nic, path);
  }),
});

/** What a rule of single ranges says, and the field of a range that it is about. */
interface RangeRule extends Pick<Rule, "id" | "means" | "why" | "fix"> {
  readonly part: "protocol" | "start" | "end";
  /** True for a range that breaks this rule, among those whose first problem is with the field. Absent: for all of them. */
  readonly breaks?: (range: Range) => boolean;
}

/** A rule of the chain that checks ranges one by one: of each range its first problem is reported. */
const rangeRule = ({ part, breaks = () => true, ...rule }: RangeRule): Rule =>
  rangesRule(rule, (ranges, _, path) =>
    ranges.length > MOST_RANGES
      ? []
      : ranges.flatMap((range, at) => {
          const problem = rangeProblem(range);
          if (problem?.field !== part || !breaks(range)) return [];
          return [{ ...problem, field: `${path}.portRanges[${at}].${part}` }];
        }),
  );

/** What is asked of ranges of ports. Source: reference, section 3.5. */
export const PORT_RANGE_RULES: readonly Rule[] = [
  {
    id: "RANGE-1",
    means: "Ranges of ports take the feature gate PortRangesSpec.",
    why: "They are an alpha feature of 1.9.",
    fix: "list the gate in the KubeVirt CR, or list single ports under ports",
    since: 9,
    reason: "FieldValueInvalid",
    consequence: "rejected",
    judge: "network",
    find: perInterface((nic, path, { gate }) =>
      nic.portRanges !== undefined && !gate("PortRangesSpec")
        ? [
            violation(
              `${path}.name`,
              "portRanges is set, and the feature gate PortRangesSpec is off",
              "switch it on, or list the ports under ports",
            ),
          ]
        : [],
    ),
  },
  rangesRule(
    {
      id: "RANGE-2",
      means: "Ports and ranges of ports exclude each other.",
      why: "One list defines which ports reach the guest.",
      fix: "write single ports as ranges of one",
    },
    (_, nic, path) =>
      nic.ports === undefined
        ? []
        : [violation(`${path}.name`, "ports and portRanges are both set", "write single ports as ranges of one")],
  ),
  rangesRule(
    {
      id: "RANGE-3",
      means: "Only masquerade takes ranges of ports.",
      why: "No other core binding reads them.",
      fix: "use masquerade: {}, or ports",
    },
    (_, nic, path) =>
      nic.masquerade !== undefined
        ? []
        : [
            violation(
              `${path}.name`,
              "portRanges is set, and the binding is not masquerade",
              "use masquerade: {}, or ports",
            ),
          ],
  ),
  rangesRule(
    {
      id: "RANGE-4",
      means: `An interface has at most ${MOST_RANGES} ranges of ports.`,
      why: "KubeVirt allows no more.",
      fix: "join ranges that follow each other",
    },
    (ranges, _, path) =>
      ranges.length > MOST_RANGES
        ? [
            violation(
              `${path}.portRanges`,
              `${ranges.length} ranges are more than ${MOST_RANGES}`,
              "join ranges that follow each other",
            ),
          ]
        : [],
  ),
  rangeRule({
    id: "RANGE-5",
    part: "protocol",
    means: "A range's protocol is TCP or UDP.",
    why: "A range has no default protocol.",
    fix: "use TCP or UDP",
  }),
  rangeRule({
    id: "RANGE-6",
    part: "start",
    means: "A range begins with a port.",
    why: "TCP and UDP have no ports other than 1 to 65535.",
    fix: "use 1 to 65535",
    breaks: ({ start }) => !isPort(start),
  }),
  rangeRule({
    id: "RANGE-7",
    part: "end",
    means: "A range ends with a port.",
    why: "TCP and UDP have no ports other than 1 to 65535.",
    fix: "use 1 to 65535",
  }),
  rangeRule({
    id: "RANGE-8",
    part: "start",
    means: "A range does not end before it begins.",
    why: "The range would be empty.",
    fix: "begin with the smaller port",
    breaks: ({ start }) => isPort(start),
  }),
  rangesRule(
    {
      id: "RANGE-9",
      means: "Ranges of one protocol have no port in common.",
      why: "KubeVirt would forward a port twice.",
      fix: "join the ranges that overlap",
    },
    (ranges, _, path) =>
      ranges.length > MOST_RANGES
        ? []
        : overlaps(ranges).map((which) =>
            violation(`${path}.portRanges`, `${which} overlap`, "join the ranges that overlap"),
          ),
  ),
];
