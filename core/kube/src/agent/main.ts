import "reflect-metadata/lite";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Binding } from "@netbind/contract";
import { type GrantsByBinding, GrantsError, readGrants, terminalJson, terminalText } from "@netbind/engine";
import { checkTrustedDirectory, findSandboxWay, run, takeLock, UntrustedDirectoryError } from "@netbind/netns";
import bridge from "@netbind/plugin-bridge";
import macvtap from "@netbind/plugin-macvtap";
import masquerade from "@netbind/plugin-masquerade";
import passt from "@netbind/plugin-passt";
import slirp from "@netbind/plugin-slirp";
import sriov from "@netbind/plugin-sriov";
import pino, { type Logger } from "pino";
import { container, type InjectionToken, instanceCachingFactory } from "tsyringe";
import { Bindings } from "./bindings.ts";
import { FileCluster } from "./file-cluster.ts";
import { AgentState } from "./journal.ts";
import { limitRun } from "./limit-run.ts";
import { namespaceId } from "./pod-namespace.ts";
import { NodeAgent } from "./node-agent.ts";

const USAGE = `usage: netbind-agent --node NAME --objects DIR [--kubelet DIR] [--state DIR] [--bindings DIR] [--grants FILE]

  --node NAME      this node's name in the cluster
  --objects DIR    VMIs, pods and the KubeVirt CR as JSON files, an object or a list in each
  --kubelet DIR    the kubelet's directory (/var/lib/kubelet)
  --node-netns P   the node's network namespace (/proc/1/ns/net): what is in it is no pod's
  --state DIR      where the agent keeps what it did (/run/netbind-agent)
  --bindings DIR   sockets of other bindings, NAME.sock for the binding registered as NAME
  --grants FILE    JSON: what bindings may plan, by registered name: linkKinds, serviceKinds, domainKinds, sysctls,
                   capabilities; each list stands in the place of this release's
`;
/** Commands at a time, for all pods together. */
const MOST_COMMANDS = 4;
const LOCK_WAIT = 30_000;

const TOKENS = {
  agent: Symbol("agent") as InjectionToken<NodeAgent>,
  bindings: Symbol("bindings") as InjectionToken<Bindings>,
  log: Symbol("log") as InjectionToken<Logger>,
} as const;

type Options = Readonly<Record<"node" | "objects" | "kubelet" | "state" | "node-netns", string>> & {
  readonly bindings?: string;
  readonly grants?: string;
};

function readOptions(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        node: { type: "string" },
        objects: { type: "string" },
        kubelet: { type: "string", default: "/var/lib/kubelet" },
        "node-netns": { type: "string", default: "/proc/1/ns/net" },
        state: { type: "string", default: "/run/netbind-agent" },
        bindings: { type: "string" },
        grants: { type: "string" },
      },
    });
    const { node, objects } = values;
    return node === undefined || objects === undefined ? undefined : { ...values, node, objects };
  } catch {
    return undefined;
  }
}

/** The composition root: what the agent is made of is made here, and nowhere else. */
function compose(options: Options, grants: GrantsByBinding): void {
  const own = new Map<string, Binding>([bridge, macvtap, masquerade, passt, slirp, sriov].map((binding) => [binding.name, binding]));
  container.register(TOKENS.log, {
    useFactory: instanceCachingFactory(() =>
      pino(
        { name: "netbind-agent", level: process.env["NETBIND_LOG"] ?? "info", hooks: { streamWrite: terminalJson } },
        pino.destination({ dest: 2, sync: true }),
      ),
    ),
  });
  container.register(TOKENS.bindings, {
    useFactory: instanceCachingFactory(
      () => new Bindings({ own, grants, ...(options.bindings === undefined ? {} : { sockets: options.bindings }) }),
    ),
  });
  container.register(TOKENS.agent, {
    useFactory: instanceCachingFactory((of) => {
      const log = of.resolve(TOKENS.log);
      const state = new AgentState(options.state);
      return new NodeAgent({
        state,
        run: limitRun(run, MOST_COMMANDS),
        bindings: of.resolve(TOKENS.bindings),
        kubelet: options.kubelet,
        forbidden: [namespaceId(options["node-netns"]), namespaceId("/proc/self/ns/net")],
        cluster: new FileCluster(options.objects),
        node: options.node,
        report: ({ type, ...report }) => (type === "Warning" ? log.warn(report, report.message) : log.info(report, report.message)),
        unreadable: (object) => log.warn(object, "an object is left out: nothing is done for it, and nothing undone"),
        unreachable: (error) => log.error({ err: error }, "the cluster does not tell of its pods: nothing is changed"),
      });
    }),
  });
}

/** Says at the start what keeps this node from shutting services off as they should be. */
async function reportSandboxes(log: Logger): Promise<void> {
  try {
    const { way, obstacles } = await findSandboxWay();
    if (way === "no-user-namespace")
      log.warn({ obstacles }, "DHCP servers have CAP_NET_ADMIN over their pods: no user namespace can be made");
  } catch (error) {
    log.error({ err: error }, "no service can be started on this node");
  }
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) {
    process.stderr.write(USAGE);
    process.exitCode = 2;
    return;
  }
  try {
    for (const option of ["state", "objects", "bindings"] as const)
      if (options[option] !== undefined) checkTrustedDirectory(options[option], `--${option}`);
    const file = options.grants;
    compose(options, file === undefined ? {} : readGrants(file, () => readFileSync(file, "utf8")));
  } catch (error) {
    if (!(error instanceof GrantsError || error instanceof UntrustedDirectoryError)) throw error;
    process.stderr.write(`${terminalText(error.message)}\n`);
    process.exitCode = 2;
    return;
  }
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  new AgentState(options.state).prepare();
  // An agent that is being replaced finishes what it has begun: two at once would do it twice.
  await using _ = await takeLock(join(options.state, "lock"), "the node", LOCK_WAIT);
  const log = container.resolve(TOKENS.log);
  log.info({ node: options.node }, "serving");
  await reportSandboxes(log);
  using bindings = container.resolve(TOKENS.bindings);
  void bindings;
  await container.resolve(TOKENS.agent).run(stop.signal);
  log.info("stopped: the pods' networks stay");
}

await main();
