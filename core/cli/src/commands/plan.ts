import { readFileSync } from "node:fs";
import { BindingError, type PodLink } from "@netbind/contract";
import {
  attachmentOf,
  authorize,
  type DecidedNic,
  type Decision,
  grantsOf,
  guestResolver,
  nicDomain,
  planNic,
  plannerOf,
  podHostname,
  podResolvConf,
  serviceProcesses,
  showTable,
  wantedNetwork,
  writeTapInterface,
} from "@netbind/engine";
import { buildBaseDomain } from "@netbind/local";
import { decideInput } from "../decide-input.ts";
import { EXIT } from "../exit-codes.ts";
import { type OutputFormat, print, printJson } from "../output.ts";
import { type Resolve, TOKENS } from "../services.ts";

export interface PlanOptions {
  readonly filename: readonly string[];
  readonly podLink?: string;
  readonly output: OutputFormat;
}

/** What a plan starts from where no pod was asked: the pod network of one machine, as its first pod has it. */
const ASSUMED_POD_LINK: Omit<PodLink, "name"> = {
  mac: "02:00:00:00:aa:01",
  mtu: 1500,
  addresses: ["10.244.0.2/24", "fd10:244::2/64"],
  routes: [
    { destination: "0.0.0.0/0", gateway: "10.244.0.1" },
    { destination: "10.244.0.0/24" },
    { destination: "fd10:244::/64" },
    { destination: "::/0", gateway: "fd10:244::1" },
  ],
};
/** The resolver of a pod of which nothing is known. */
const ASSUMED_RESOLV_CONF = "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n";

function readPodLink(file: string): PodLink {
  const link = JSON.parse(readFileSync(file, "utf8")) as Partial<PodLink>;
  const { name, mac, mtu, addresses, routes = [] } = link;
  if (typeof name !== "string" || typeof mac !== "string" || typeof mtu !== "number" || !Array.isArray(addresses)) {
    throw new Error(`${file} is no pod link: it needs name, mac, mtu and addresses, and may have routes`);
  }
  return { name, mac, mtu, addresses, routes };
}

async function planOne(
  nic: DecidedNic,
  decision: Decision,
  given: PodLink | undefined,
  resolve: Resolve,
): Promise<object & { readonly xml: (domain: string) => string; readonly text: string }> {
  const binding = resolve(TOKENS.bindings).get(nic.binding);
  if (binding === undefined)
    throw new BindingError("UNAVAILABLE", `binding "${nic.binding}" can only be asked in a pod`, "use netbind run");
  const pod = given !== undefined && given.name === nic.names.pod ? given : { name: nic.names.pod, ...ASSUMED_POD_LINK };
  const facts = {
    resolvConf: guestResolver(podResolvConf(decision.vmi.spec, ASSUMED_RESOLV_CONF), decision.vmi.spec.subdomain),
    hostname: podHostname(decision.vmi),
  };
  const attachment = attachmentOf(nic, pod, facts);
  const plan = authorize(await planNic(plannerOf(binding), attachment, nic.binding), attachment, grantsOf(nic.binding));
  const { table, plan: network } = wantedNetwork(nic.names, plan, pod);
  const nft = showTable(table, network.nftables ?? []);
  const assumed = pod === given ? [] : ["pod"];
  const shown = {
    name: nic.spec.name,
    binding: nic.binding,
    assumed: [...assumed, "resolvConf"],
    pod,
    links: network.links,
    routes: pod.routes,
    sysctls: network.sysctls,
    nftables: nft,
    services: plan.services ?? [],
    processes: serviceProcesses(plan.services ?? []),
    domain: plan.domain,
  };
  const xml = (domain: string): string => (plan.domain.kind === "tap" ? writeTapInterface(domain, nicDomain(attachment)) : domain);
  return { ...shown, xml, text: showNic(shown) };
}

function showNic(nic: {
  name: string;
  binding: string;
  assumed: readonly string[];
  pod: PodLink;
  links: readonly object[];
  sysctls?: readonly { key: string; value: string }[] | undefined;
  nftables: string;
  services: readonly object[];
}): string {
  const mark = nic.assumed.includes("pod") ? " (assumed)" : "";
  const { name, mac, mtu, addresses, routes } = nic.pod;
  return [
    `NIC ${nic.name}: binding ${nic.binding}`,
    `  pod link${mark}: ${name} mac ${mac} mtu ${mtu} addresses ${addresses.join(", ")}`,
    ...routes.map(({ destination, gateway }) => `  pod route${mark}: ${destination}${gateway === undefined ? "" : ` via ${gateway}`}`),
    ...nic.links.map((link) => `  link: ${JSON.stringify(link)}`),
    ...(nic.sysctls ?? []).map(({ key, value }) => `  sysctl: ${key} = ${value}`),
    "  nftables:",
    ...nic.nftables
      .trimEnd()
      .split("\n")
      .map((line) => `    ${line}`),
    ...nic.services.map((service) => `  service: ${JSON.stringify(service)}`),
  ].join("\n");
}

/** `netbind plan`: what `run` would do, without touching anything. */
export async function plan(options: PlanOptions, resolve: Resolve): Promise<number> {
  const { vms } = decideInput(options.filename, resolve);
  const given = options.podLink === undefined ? undefined : readPodLink(options.podLink);
  const plans = [];
  for (const { vm, decision } of vms) {
    const nics = [];
    for (const nic of decision.nics) nics.push(await planOne(nic, decision, given, resolve));
    const base = buildBaseDomain({ vmi: vm.vmi, accelerator: "kvm", disks: [] });
    const domainXml = nics.reduce((xml, nic) => nic.xml(xml), base);
    const { name, namespace } = vm.vmi.metadata;
    plans.push({
      vm: `${namespace}/${name}`,
      pod: decision.pod,
      nics: nics.map(({ xml: _, text: __, ...shown }) => shown),
      domainXml,
      text: nics.map(({ text }) => text),
    });
  }
  if (options.output === "json") {
    const shown = plans.map(({ text: _, ...rest }) => rest);
    printJson(shown.length === 1 ? shown[0] : shown);
    return EXIT.ok;
  }
  for (const one of plans)
    print([`VM ${one.vm}`, `pod: ${JSON.stringify(one.pod, null, 2)}`, ...one.text, "domain:", one.domainXml].join("\n"));
  return EXIT.ok;
}
