import "reflect-metadata/lite";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { releasedGrants, releasedPlugins } from "@netbind/bindings";
import { defined } from "@netbind/contract";
import { type GrantsByBinding, GrantsError, readGrants } from "@netbind/engine";
import { terminalJson, terminalText } from "@netbind/engine/terminal";
import { ConnectionError, ListenError, serveStatus, type StatusServer } from "@netbind/kube";
import {
  checkTrustedDirectory,
  findHierarchy,
  findSandboxWay,
  logLevel,
  exec,
  SettingError,
  takeLock,
  UntrustedDirectoryError,
} from "@netbind/netns";
import pino, { type Logger } from "pino";
import { container, type InjectionToken, instanceCachingFactory } from "tsyringe";
import { type AgentOptions, readOptions, USAGE } from "./agent-options.ts";
import { ignoredBeside } from "./binding/binding-sockets.ts";
import { AgentMetrics } from "./agent-metrics.ts";
import { BindingRegistry } from "./binding/binding-registry.ts";
import { AgentState } from "./pod/agent-record.ts";
import { clusterSource, type ClusterSource, isInPod } from "./cluster-source.ts";
import { limitConcurrency } from "./limit-concurrency.ts";
import { checkNodesProcesses, ownNamespaces } from "./node-view.ts";
import { NodeAgent } from "./node-agent.ts";

/** Commands at a time, for all pods together. */
const MOST_COMMANDS = 4;
const LOCK_WAIT = 30_000;

/** What who starts the agent can put right. */
const USERS_ERRORS = [GrantsError, UntrustedDirectoryError, SettingError, ConnectionError, ListenError] as const;

/** What the exit code says, in the numbers of the `netbind` command. */
const EXIT = { usage: 2, refused: 3 } as const;

const TOKENS = {
  agent: Symbol("agent") as InjectionToken<NodeAgent>,
  bindings: Symbol("bindings") as InjectionToken<BindingRegistry>,
  log: Symbol("log") as InjectionToken<Logger>,
  metrics: Symbol("metrics") as InjectionToken<AgentMetrics>,
  source: Symbol("source") as InjectionToken<ClusterSource>,
} as const;

/** The composition root: what the agent is made of is made here, and nowhere else. */
function compose(options: AgentOptions, grants: GrantsByBinding): void {
  const own = releasedPlugins();
  container.register(TOKENS.log, {
    useFactory: instanceCachingFactory(() =>
      pino(
        { name: "netbind-agent", level: logLevel("info"), hooks: { streamWrite: terminalJson } },
        pino.destination({ dest: 2, sync: true }),
      ),
    ),
  });
  container.register(TOKENS.bindings, {
    useFactory: instanceCachingFactory(
      () =>
        new BindingRegistry(
          defined({
            own,
            grants: { released: releasedGrants(), file: grants },
            sockets: options.sockets,
          }),
        ),
    ),
  });
  container.register(TOKENS.source, {
    useFactory: instanceCachingFactory((of) => {
      const log = of.resolve(TOKENS.log);
      return clusterSource(options, (what, problem) =>
        problem === undefined ? log.info({ what }, "it is followed again") : log.warn({ what }, problem),
      );
    }),
  });
  container.register(TOKENS.metrics, { useFactory: instanceCachingFactory(() => new AgentMetrics()) });
  container.register(TOKENS.agent, {
    useFactory: instanceCachingFactory((of) =>
      agentOf(options, of.resolve(TOKENS.log), {
        bindings: of.resolve(TOKENS.bindings),
        source: of.resolve(TOKENS.source),
        metrics: of.resolve(TOKENS.metrics),
      }),
    ),
  });
}

/** What is made beside it. */
interface AgentParts {
  readonly bindings: BindingRegistry;
  readonly source: ClusterSource;
  readonly metrics: AgentMetrics;
}

/** The agent of one node. */
function agentOf(options: AgentOptions, log: Logger, { bindings, source, metrics }: AgentParts): NodeAgent {
  return new NodeAgent({
    state: new AgentState(options.state),
    turn: limitConcurrency(exec, MOST_COMMANDS),
    bindings,
    kubelet: options.kubelet,
    forbidden: ownNamespaces(options["node-netns"]),
    cluster: source.cluster,
    node: options.node,
    meter: metrics,
    report: (event) => {
      const { type, ...report } = event;
      if (type === "Warning") log.warn(report, report.message);
      else log.info(report, report.message);
      source.record(event);
    },
    unreadable: (object) =>
      log.warn(object, "an object is left out: the agent neither attaches nor tears down its pod"),
    unreachable: (error) => log.error({ err: error }, "the cluster does not report its pods: nothing is changed"),
  });
}

/** Says at the start what keeps this node from shutting services off as they should be. */
async function reportSandboxes(log: Logger): Promise<void> {
  try {
    const { way, obstacles } = await findSandboxWay();
    if (way === "no-user-namespace")
      log.warn({ obstacles }, "DHCP servers have CAP_NET_ADMIN in their pods: no user namespace can be made");
  } catch (error) {
    log.error({ err: error }, "the agent cannot start services on this node");
  }
}

/** Says at the start what keeps this node from counting services as their pods'. */
function reportGroups(log: Logger): void {
  const hierarchy = findHierarchy();
  if ("why" in hierarchy) log.warn(`services are counted as the agent's, and end with its container: ${hierarchy.why}`);
}

/** Says what who starts the agent can put right, and sets the exit code; anything else is thrown on. */
function printUsersError(error: unknown): void {
  if (!(error instanceof Error) || !USERS_ERRORS.some((one) => error instanceof one)) throw error;
  process.stderr.write(`${terminalText(error.message)}\n`);
  process.exitCode = error instanceof GrantsError ? EXIT.refused : EXIT.usage;
}

/** Checks what the options name, and composes the agent; false, with the exit code set, where one of them cannot be used. */
function configure(options: AgentOptions): boolean {
  try {
    for (const [option, directory] of Object.entries({
      state: options.state,
      objects: options.objects,
      bindings: options.sockets?.directory,
    }))
      if (directory !== undefined) checkTrustedDirectory(directory, `--${option}`);
    const file = options.grants;
    logLevel("info");
    compose(options, file === undefined ? {} : readGrants(file, () => readFileSync(file, "utf8")));
    ownNamespaces(options["node-netns"]);
    if (isInPod(options)) checkNodesProcesses();
    container.resolve(TOKENS.source);
    return true;
  } catch (error) {
    printUsersError(error);
    return false;
  }
}

/** Serves metrics and probes for Prometheus and the kubelet, where an address to listen on is given. */
async function serve({ listen }: AgentOptions, log: Logger): Promise<StatusServer | undefined> {
  if (listen === undefined) return undefined;
  const agent = container.resolve(TOKENS.agent);
  const metrics = container.resolve(TOKENS.metrics);
  const server = await serveStatus(listen, {
    metrics: () => metrics.exposition(),
    checks: { "/healthz": () => agent.stuck, "/readyz": () => agent.unready },
  });
  log.info({ host: listen.host, port: server.port }, "metrics and health are served");
  return server;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if ("problem" in options) {
    process.stderr.write(`${terminalText(options.problem)}\n\n${USAGE}`);
    process.exitCode = EXIT.usage;
    return;
  }
  if (!configure(options)) return;
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  new AgentState(options.state).prepare();
  // An agent that is being replaced finishes what it has begun: two at once would do it twice.
  await using _ = await takeLock(join(options.state, "lock"), "the node", LOCK_WAIT);
  const log = container.resolve(TOKENS.log);
  log.info({ node: options.node }, "serving");
  for (const name of options.sockets === undefined ? [] : ignoredBeside(options.sockets, [...releasedPlugins().keys()]))
    log.warn(
      { binding: name },
      "this release's own binding serves, not the process of that name: use --override to choose the process",
    );
  await reportSandboxes(log);
  reportGroups(log);
  using bindings = container.resolve(TOKENS.bindings);
  void bindings;
  await using _served = await serve(options, log);
  await using _followed = await container.resolve(TOKENS.source).begin(stop.signal);
  await container.resolve(TOKENS.agent).run(stop.signal);
  log.info("stopped: the pods' networks stay");
}

await main().catch(printUsersError);
