import "reflect-metadata/lite";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { releasedGrants, releasedImages, releasedPlugins, releasedRegistrations } from "@netbind/bindings";
import { defined } from "@netbind/contract";
import { terminalJson, terminalText } from "@netbind/engine/terminal";
import {
  ApiClient,
  type ApiConnection,
  ApiError,
  ConnectionError,
  inClusterConnection,
  kubeconfigConnection,
  LeaderElection,
  ListenError,
  serveStatus,
  type StatusServer,
} from "@netbind/kube";
import pino, { type Logger } from "pino";
import { container, type InjectionToken, instanceCachingFactory } from "tsyringe";
import { Controller, type ControllerParts } from "./controller.ts";
import { ControllerMetrics } from "./controller-metrics.ts";
import { type ControllerOptions, readOptions, USAGE } from "./controller-options.ts";
import { isLifecycleCommand, LIFECYCLE_USAGE, readLifecycleCommand } from "./lifecycle/lifecycle-command.ts";
import { LifecycleError } from "./lifecycle/lifecycle-error.ts";
import { runLifecycleCommand } from "./lifecycle/run-lifecycle-command.ts";
import { PlannerSockets } from "./planner-sockets.ts";
import { ImagesError, readImages } from "./read-images.ts";
import { releaseOf } from "./release.ts";
import { WaitingVms } from "./waiting/waiting-vms.ts";
import { Webhooks } from "./webhooks/webhooks.ts";

const NAME = "netbind-controller";

/** What the exit code says, in the numbers of the `netbind` command. */
const EXIT = { failed: 1, usage: 2 } as const;

/** What the one who starts the controller can put right. */
const USERS_ERRORS = [ConnectionError, ImagesError, ListenError] as const;
/** Why a command of the chart's hooks has failed. */
const FAILURES = [ApiError, LifecycleError] as const;

const TOKENS = {
  client: Symbol("client") as InjectionToken<ApiClient>,
  controller: Symbol("controller") as InjectionToken<Controller>,
  election: Symbol("election") as InjectionToken<LeaderElection>,
  log: Symbol("log") as InjectionToken<Logger>,
  metrics: Symbol("metrics") as InjectionToken<ControllerMetrics>,
  waiting: Symbol("waiting") as InjectionToken<WaitingVms>,
  webhooks: Symbol("webhooks") as InjectionToken<Webhooks | undefined>,
} as const;

/** Says what is wrong with what is followed or written, and when that is over. */
const problemLog =
  (log: Logger) =>
  (what: string, problem: string | undefined): void =>
    problem === undefined ? log.info({ what }, "this works again") : log.warn({ what }, problem);

/** The bindings of this release, with the images that the command line names. @throws ImagesError */
function releaseFor({ images: file, "image-registry": imageRegistry }: ControllerOptions): ControllerParts["release"] {
  const given = file === undefined ? {} : readImages(file, () => readFileSync(file, "utf8"));
  const images = { ...releasedImages(), ...given };
  const grants = releasedGrants();
  const parts = { plugins: releasedPlugins(), images, grants, registrations: releasedRegistrations() };
  return releaseOf({ ...parts, ...defined({ imageRegistry }) });
}

/** @throws ConnectionError */
const connectionOf = (kubeconfig: string | undefined): ApiConnection =>
  kubeconfig === undefined ? inClusterConnection() : kubeconfigConnection(kubeconfig);

/** The composition root: what the controller is made of is made here, and nowhere else. @throws ConnectionError, ImagesError */
function compose(options: ControllerOptions): void {
  const { kubeconfig, bindings, namespace } = options;
  const sockets = bindings === undefined ? undefined : new PlannerSockets(bindings);
  const connection = connectionOf(kubeconfig);
  const release = releaseFor(options);
  const settings = { name: NAME, level: options["log-level"], hooks: { streamWrite: terminalJson } };
  const log = pino(settings, pino.destination({ dest: 2, sync: true }));
  container.register(TOKENS.log, { useValue: log });
  container.register(TOKENS.client, { useFactory: instanceCachingFactory(() => new ApiClient(connection)) });
  container.register(TOKENS.metrics, {
    useFactory: instanceCachingFactory((of) => new ControllerMetrics(() => of.resolve(TOKENS.election).isLeading)),
  });
  container.register(TOKENS.controller, {
    useFactory: instanceCachingFactory(
      (of) =>
        new Controller({
          ...{ client: of.resolve(TOKENS.client), namespace: options["kubevirt-namespace"], release, host: hostname() },
          ...{ meter: of.resolve(TOKENS.metrics), onProblem: problemLog(log), ...defined({ sockets }) },
        }),
    ),
  });
  container.register(TOKENS.waiting, {
    useFactory: instanceCachingFactory((of) => {
      const [client, controller] = [of.resolve(TOKENS.client), of.resolve(TOKENS.controller)];
      const bindings = (): Controller["known"] => controller.known;
      const waiting = new WaitingVms({ client, namespace, host: hostname(), bindings, onProblem: problemLog(log) });
      controller.onChange(() => waiting.ring());
      return waiting;
    }),
  });
  container.register(TOKENS.webhooks, {
    useFactory: instanceCachingFactory((of) => webhooksOf(options, of.resolve(TOKENS.client), log)),
  });
  container.register(TOKENS.election, {
    useFactory: instanceCachingFactory((of) => electionOf(options, of.resolve(TOKENS.client), log)),
  });
}

/** The webhooks, where the command line says where they are served. */
function webhooksOf(options: ControllerOptions, client: ApiClient, log: Logger): Webhooks | undefined {
  const { webhooks: listen, namespace, "webhook-service": service, "webhook-url": url } = options;
  if (listen === undefined) return undefined;
  const target = url === undefined ? { service, namespace } : { url };
  const context = (): Controller["reviewContext"] => container.resolve(TOKENS.controller).reviewContext;
  const given = defined({ certificateSecret: options["certificate-secret"] });
  const parts = { client, namespace, listen, target, context, virtController: options["virt-controller"], ...given };
  return new Webhooks({ ...parts, onProblem: problemLog(log) });
}

/** The election of the replica that writes. */
function electionOf({ namespace }: ControllerOptions, client: ApiClient, log: Logger): LeaderElection {
  return new LeaderElection({
    ...{ client, namespace, name: NAME, identity: `${hostname()}-${randomUUID()}` },
    onProblem: (problem) => problemLog(log)("lease", problem),
    lead: async (signal) => {
      log.info("leading: this replica writes");
      await Promise.all([
        container.resolve(TOKENS.controller).lead(signal),
        container.resolve(TOKENS.waiting).run(signal),
        container.resolve(TOKENS.webhooks)?.lead(signal),
      ]);
      log.info("not leading any more");
    },
  });
}

/** Serves metrics and probes for Prometheus and the kubelet, where an address to listen on is given. */
async function serve({ listen }: ControllerOptions, log: Logger): Promise<StatusServer | undefined> {
  if (listen === undefined) return undefined;
  const controller = container.resolve(TOKENS.controller);
  const metrics = container.resolve(TOKENS.metrics);
  const server = await serveStatus(listen, {
    metrics: () => metrics.exposition(),
    checks: {
      "/healthz": () => controller.stuck,
      "/readyz": () => controller.unready ?? container.resolve(TOKENS.webhooks)?.unready,
    },
  });
  log.info({ host: listen.host, port: server.port }, "metrics and health are served");
  return server;
}

/** Says what the one who starts the controller can put right, and sets the exit code; anything else is thrown on. */
function printUsersError(error: unknown): void {
  const isUsers = USERS_ERRORS.some((one) => error instanceof one);
  if (!(error instanceof Error) || !(isUsers || FAILURES.some((one) => error instanceof one))) throw error;
  for (const line of error.message.split("\n")) process.stderr.write(`${terminalText(line)}\n`);
  process.exitCode = isUsers ? EXIT.usage : EXIT.failed;
}

function printUsage(problem: string): void {
  process.stderr.write(`${terminalText(problem)}\n\n${USAGE}\n${LIFECYCLE_USAGE}`);
  process.exitCode = EXIT.usage;
}

/** A command of the chart's hooks, to its end. */
async function runCommand(args: readonly string[]): Promise<void> {
  const command = readLifecycleCommand(args);
  if ("problem" in command) return printUsage(command.problem);
  using client = new ApiClient(connectionOf(command.kubeconfig));
  await runLifecycleCommand(command, client, (line) => process.stdout.write(`${terminalText(line)}\n`));
}

async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if ("problem" in options) return printUsage(options.problem);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  compose(options);
  const log = container.resolve(TOKENS.log);
  using _client = container.resolve(TOKENS.client);
  await using _served = await serve(options, log);
  log.info({ namespace: options.namespace, kubevirt: options["kubevirt-namespace"] }, "serving");
  const controller = container.resolve(TOKENS.controller);
  const { signal } = stop;
  const all = [
    controller.follow(signal),
    container.resolve(TOKENS.election).run(signal),
    container.resolve(TOKENS.webhooks)?.follow(signal),
  ];
  try {
    await Promise.all(all);
  } finally {
    // What fails ends the others too.
    stop.abort();
    await Promise.allSettled(all);
  }
  log.info("stopped: registrations stay");
}

const args = process.argv.slice(2);
await (isLifecycleCommand(args) ? runCommand(args) : main(args)).catch(printUsersError);
