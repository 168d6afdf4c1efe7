import { type Port, type Violation, violation } from "@netbind/contract";
import type { VmiInterface, VmiProbe } from "../../api.ts";
import { bindingName, hasMesh, hasMeshLabel, nicSpec } from "../../nic/nic-spec.ts";
import type { Service } from "../surroundings.ts";
import { ignored } from "./netbind-rules.ts";
import { quote, type Rule, type RuleContext } from "./rule.ts";

/** Bindings that let the listed ports through and no others; without a list every port, but for slirp. */
const FORWARDS_LISTED: readonly (string | undefined)[] = ["masquerade", "passt", "slirp"];
const PROBES = ["readinessProbe", "livenessProbe"] as const;
const HANDLERS = ["httpGet", "tcpSocket"] as const;

/** The NIC that is asked at the pod's address, and the ports that it lets through. */
interface Gate {
  readonly nic: VmiInterface;
  readonly binding: string;
  readonly ports: readonly Port[];
}

/** True for ports that other rules find nothing wrong with: those of which one is left out are not all that is meant. */
const areSound = (ports: readonly Port[], { ports: listed = [], portRanges = [] }: VmiInterface): boolean =>
  ports.length === listed.length + portRanges.length &&
  ports.every(({ port, lastPort = port }) => port >= 1 && lastPort <= 65_535);

/** The gate to a guest; undefined where every port passes, or a mesh's proxy stands before it. */
function gateOf(subject: RuleContext): Gate | undefined {
  const { vmi, interfaces, networkOf } = subject;
  const nic = interfaces.find((one) => networkOf(one)?.pod !== undefined && one.state !== "absent");
  const network = nic === undefined ? undefined : networkOf(nic);
  if (nic === undefined || network === undefined || hasMesh(vmi) || hasMeshLabel(vmi)) return undefined;
  const binding = bindingName(nic);
  if (binding === undefined || !FORWARDS_LISTED.includes(binding)) return undefined;
  const { ports } = nicSpec(vmi, nic, network);
  if (!areSound(ports, nic) || (ports.length === 0 && binding !== "slirp")) return undefined;
  return { nic, binding, ports };
}

const isForwarded = ({ ports }: Gate, protocol: string, port: number): boolean =>
  ports.some((one) => one.protocol === protocol && one.port <= port && port <= (one.lastPort ?? one.port));

/** The number of a port that is a number, or a name that one of the VM's ports has. */
function numberOf(port: unknown, { interfaces }: RuleContext): number | undefined {
  if (typeof port === "number") return port;
  if (typeof port !== "string") return undefined;
  const named = interfaces.flatMap(({ ports }) => ports ?? []).find(({ name }) => name === port);
  return named?.port ?? (/^\d{1,5}$/.test(port) ? Number(port) : undefined);
}

const shownPort = ({ protocol, port, lastPort }: Port): string =>
  `${protocol} ${port}${lastPort === undefined ? "" : `-${lastPort}`}`;

/** What is wrong with a port that a client asks the guest for, as the end of a sentence; undefined where nothing is. */
function blocked(gate: Gate, protocol: string, port: unknown, subject: RuleContext): string | undefined {
  const number = numberOf(port, subject);
  if (number === undefined)
    return typeof port === "string" ? `no port of the VM's interfaces has the name ${quote(port)}` : undefined;
  if (isForwarded(gate, protocol, number)) return undefined;
  const listed = gate.ports.map(shownPort).join(", ") || "none";
  return `interface ${quote(gate.nic.name)} (${gate.binding}) forwards the listed ports alone: ${listed}`;
}

function probeProblems(probe: VmiProbe, path: string, gate: Gate, subject: RuleContext): readonly Violation[] {
  return HANDLERS.flatMap((handler) => {
    const { port, host } = probe[handler] ?? {};
    const why = host ? undefined : blocked(gate, "TCP", port, subject);
    if (why === undefined) return [];
    const fix = "list the port under ports of the interface, or probe one that is listed";
    return [violation(`${path}.${handler}.port`, `the probe asks TCP ${port} of the VM, and ${why}`, fix)];
  });
}

/** Labels that the VM's pod has beside the VM's own. */
const podLabels = ({ metadata }: RuleContext["vmi"]): Readonly<Record<string, string>> => ({
  ...metadata.labels,
  "kubevirt.io": "virt-launcher",
  "vm.kubevirt.io/name": metadata.name,
});

function selects({ namespace, selector }: Service, { vmi }: RuleContext): boolean {
  const labels = podLabels(vmi);
  return (
    namespace === vmi.metadata.namespace && Object.entries(selector).every(([key, value]) => labels[key] === value)
  );
}

/** What is asked of the ports that others ask a VM for. Source: reference, sections 1.5 and 2.5 (pod). */
export const REACHED_PORT_RULES: readonly Rule[] = [
  ignored({
    id: "PROBE-2",
    means: "A probe over the network asks a port that reaches the guest.",
    why: "The kubelet asks the pod's address; what is not forwarded there is refused, so the VM never gets Ready, or is restarted again and again.",
    fix: "list the port under ports of the interface, or probe one that is listed",
    find: (subject) => {
      const { spec } = subject.vmi;
      const gate = PROBES.some((name) => spec[name] !== undefined) ? gateOf(subject) : undefined;
      if (gate === undefined) return [];
      return PROBES.flatMap((name) => probeProblems(subject.vmi.spec[name] ?? {}, `spec.${name}`, gate, subject));
    },
  }),
  ignored({
    id: "PORT-6",
    means: "A port that a Service sends to a VM reaches the guest.",
    why: "What a NIC does not forward is refused at the pod's address.",
    fix: "list the port under ports of the interface, or let the Service's targetPort be one that is listed",
    find: (subject) => {
      const services = (subject.surroundings.services ?? []).filter((service) => selects(service, subject));
      const gate = services.length > 0 ? gateOf(subject) : undefined;
      if (gate === undefined) return [];
      const field = `spec.domain.devices.interfaces[${subject.interfaces.indexOf(gate.nic)}].ports`;
      return services.flatMap(({ namespace, name, ports }) =>
        ports.flatMap(({ protocol, targetPort }) => {
          const why = blocked(gate, protocol, targetPort, subject);
          if (why === undefined) return [];
          const fix = "list the port under ports, or let the Service's targetPort be one that is listed";
          return [
            violation(field, `Service ${namespace}/${name} sends ${protocol} ${targetPort} to the VM, and ${why}`, fix),
          ];
        }),
      );
    },
  }),
];
