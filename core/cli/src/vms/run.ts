import { defined } from "@netbind/contract";
import type { GrantsByBinding } from "@netbind/engine";
import type { Input } from "@netbind/input";
import { foundBy } from "@netbind/kubevirt/admission";
import {
  checkMemory,
  checkNetworks,
  DEFAULT_POD_NETWORK,
  findCrash,
  forEachVm,
  listVms,
  type StartContext,
  machineWarnings,
  type SidecarRuntime,
  type StartedVm,
  startVm,
  type State,
  stopVm,
  VmNotFoundError,
  waitForEnd,
} from "@netbind/local";
import type { OutputFormat } from "../output.ts";
import { type DecidedFiles, type DecidedVm, decideInput } from "../documents/decide-input.ts";
import { EXIT } from "../exit-codes.ts";
import { Interruption } from "../interruption.ts";
import { printMessage } from "../output.ts";
import { nameOfVm } from "../plugins/plugin-failures.ts";
import { checkAuthFile, readPodNetwork } from "../input/named-files.ts";
import { grantsIn, openPlugins } from "../plugins/open-plugins.ts";
import type { PluginSources } from "../plugins/plugin-sources.ts";
import { refuseImageOptions, type SidecarImages, sidecarImages } from "../plugins/sidecar-images.ts";
import { reportStarted } from "./report-vm.ts";
import { findHostDiskProblems } from "./host-disk-problems.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { InputError, socketInRun, vmsNotStopped } from "../errors.ts";
import { waitForAddresses } from "./wait-for-addresses.ts";

/** The options of `netbind run`. */
export interface RunOptions extends DecidedFiles {
  readonly keep: boolean;
  readonly output: OutputFormat;
  readonly podNetwork?: string;
  /** Directories that disks of the machine's may be in. */
  readonly hostDisk: readonly string[];
  readonly plugin: PluginSources;
  /** A file of grants. */
  readonly grants?: string;
  /** What sidecars run from. */
  readonly sidecars: "bundle" | "image";
  /** Where this release's images are. */
  readonly registry?: string;
  /** A file of the digests of this release's images. */
  readonly imageTable?: string;
  /** A file of passwords for registries. */
  readonly authfile?: string;
  /** Seconds to wait for the guest's address. */
  readonly wait: number;
}

/** What is in the way on this machine, where its text stands. @throws InputError with all of it */
async function refuseMissing(
  machine: StartContext,
  vms: readonly DecidedVm[],
  hostDisk: readonly string[],
): Promise<void> {
  const networks = vms.flatMap(({ vm, decision }) =>
    foundBy("NETWORK", checkNetworks(decision.networks, machine.deviceSettings)).map(vm.locate),
  );
  const memory = vms.flatMap(({ vm, decision }) => foundBy("MEMORY", checkMemory(decision.vmi)).map(vm.locate));
  const found = [...networks, ...memory, ...(await findHostDiskProblems(machine, vms, hostDisk))];
  if (found.length > 0) throw new InputError(found);
}

/** The runtime, with bundles that were named on the command line before those of this release. */
const withBundles = (runtime: SidecarRuntime, plugins: PluginSources): SidecarRuntime => ({
  ...runtime,
  bundle: (name) => plugins.get(name)?.path ?? runtime.bundle(name),
});

/** A VM's sidecar is started from a file: one that is served elsewhere is in no pod. */
function refuseSockets(plugins: PluginSources): void {
  const [name] = [...plugins].find(([, { kind }]) => kind === "socket") ?? [];
  if (name !== undefined) throw socketInRun(name);
}

/** Asks and decides before anything is made; the plugins that were asked have ended then. */
async function decide(options: RunOptions, resolve: Resolve, grants: GrantsByBinding): ReturnType<typeof decideInput> {
  refuseSockets(options.plugin);
  await using plugins = await openPlugins(options.plugin, resolve);
  return await decideInput(options, resolve, plugins, grants);
}

/** What sidecars run from images by; undefined where they run from bundles. @throws NamedFileError, OptionError */
const imagesOf = (options: RunOptions, resolve: Resolve): SidecarImages | undefined =>
  options.sidecars === "image"
    ? sidecarImages(
        options,
        { released: resolve(TOKENS.fallback).table, ownTable: resolve(TOKENS.imageTable) },
        options.plugin,
      )
    : refuseImageOptions(options);

/** Stops VMs that are still there. */
async function stopAll(machine: StartContext, names: readonly string[]): Promise<void> {
  const { failed } = await forEachVm(
    names,
    (name) => name,
    (name) => stopVm(machine.state, machine.exec, name, false),
  );
  // Another command stopped it.
  const left = failed.filter(({ error }) => !(error instanceof VmNotFoundError));
  if (left.length > 0) throw vmsNotStopped(left);
}

const nameOfDecided = ({ vm }: DecidedVm): string => nameOfVm(vm);

async function startAll({ machine, input, vms, options, signal }: RunContext): Promise<readonly StartedVm[]> {
  const started: StartedVm[] = [];
  try {
    for (const decided of vms) {
      const { vm, decision } = decided;
      const one = await startVm(machine, {
        decision,
        source: `${vm.file}:${vm.line}`,
        data: input.dataOf(vm.vmi.metadata.namespace),
        hostDiskDirectories: options.hostDisk,
        signal,
      });
      started.push(one);
      for (const warning of one.warnings) printMessage(`warning: ${warning}`);
      const status = await waitForAddresses({ ...machine, signal }, one.nics, nameOfDecided(decided), options.wait);
      reportStarted(status, signal.aborted, options.output);
    }
    return started;
  } catch (error) {
    await stopAll(machine, vms.slice(0, started.length).map(nameOfDecided));
    throw error;
  }
}

/** Prints which VMs' QEMU crashed, and what it printed. True where one did. */
async function printCrashes(state: State, names: readonly string[]): Promise<boolean> {
  let crashed = false;
  for (const record of listVms(state).filter(({ namespace, name }) => names.includes(`${namespace}/${name}`))) {
    const said = await findCrash(state, record);
    if (said === undefined) continue;
    printMessage(`QEMU of VM ${record.namespace}/${record.name} crashed or was killed: ${said}`);
    crashed = true;
  }
  return crashed;
}

/** `netbind run`: starts VMs and stays until they end, or with `--keep` leaves them running. */
export async function run(options: RunOptions, resolve: Resolve): Promise<number> {
  const grants = grantsIn(options.grants, resolve);
  const podNetwork = readPodNetwork(options.podNetwork) ?? DEFAULT_POD_NETWORK;
  checkAuthFile(options.authfile);
  const images = imagesOf(options, resolve);
  const { input, vms } = await decide({ ...options, ...defined({ sidecarImages: images }) }, resolve, grants);
  const runtime = withBundles(resolve(TOKENS.runtime), options.plugin);
  const { imagePullPolicy: pullPolicy } = input.configuration;
  const state = resolve(TOKENS.state);
  const deviceSettings = { ...resolve(TOKENS.deviceSettings), ...input.deviceSettings };
  const machine: StartContext = {
    state,
    exec: resolve(TOKENS.exec),
    sidecars: { runtime, ...defined({ isImage: images?.isImage, pullPolicy: pullPolicy || undefined }) },
    bindings: resolve(TOKENS.bindings),
    podNetwork,
    deviceSettings,
    progress: printMessage,
    ...defined({ authFile: options.authfile }),
  };
  await refuseMissing(machine, vms, options.hostDisk);
  const interruption = new Interruption("stopping");
  try {
    const ended = await runToEnd({ machine, input, vms, options, signal: interruption.signal });
    return interruption.exitCode ?? ended;
  } catch (error) {
    throw interruption.explain(error);
  }
}

/** What VMs are started from, and how long they are watched. */
interface RunContext {
  readonly machine: StartContext;
  readonly input: Input;
  readonly vms: readonly DecidedVm[];
  readonly options: RunOptions;
  /** Aborted where the VMs are to be stopped. */
  readonly signal: AbortSignal;
}

/** Starts VMs, and where they are not kept, waits for their end and removes what was made for them. Gives the exit code. */
async function runToEnd(context: RunContext): Promise<number> {
  const { machine, vms, options, signal } = context;
  for (const warning of await machineWarnings()) printMessage(`warning: ${warning}`);
  const started = await startAll(context);
  const names = vms.map(nameOfDecided);
  // Asked again before the end: a signal that comes in between stops VMs that were to be kept, as its exit code says.
  const areKept = (): boolean => options.keep && !signal.aborted;
  if (!areKept()) await Promise.all(started.map(({ id }) => waitForEnd(machine.state, id, signal)));
  const ended = (await printCrashes(machine.state, names)) ? EXIT.failed : EXIT.ok;
  if (!areKept()) await stopAll(machine, names);
  return ended;
}
