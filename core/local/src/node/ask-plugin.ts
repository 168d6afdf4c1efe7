import {
  type Attachment,
  BindingError,
  type BindingDescription,
  type Needs,
  type NicSpec,
  type Plan,
  type Violation,
} from "@netbind/contract";
import { scaledTimeout } from "@netbind/netns";
import { type BindingClient, connectBinding } from "@netbind/remote/binding";
import { HeldDirectory } from "@netbind/remote/sidecar";
import type { LocalPodRecord } from "../record/local-pod-record.ts";
import { vmUserOf } from "../launcher/vm-user.ts";
import { PluginProcess, type PluginProcessSpec } from "./plugin-process.ts";
import { answersAsBinding } from "../pod/sidecar-files.ts";
import { sidecarLocation } from "../pod/sidecar-paths.ts";
import type { State } from "../record/state.ts";
import { writableDirectory } from "../pod/writable.ts";

/** Where a plugin is asked, whatever it runs in. */
export interface AskedPlugin extends AsyncDisposable {
  readonly description: BindingDescription;
  admit(nic: NicSpec): Promise<readonly Violation[]>;
  needs(nic: NicSpec): Promise<Needs>;
  plan(attachment: Attachment): Promise<Plan>;
}

type Explain = (error: unknown, asked: string) => Promise<BindingError>;

/** Asks behind a socket; what fails is explained. */
async function askBehind(
  name: string,
  client: BindingClient,
  explain: Explain,
  end: () => Promise<void>,
): Promise<AskedPlugin> {
  const ask = async <T>(what: string, answer: () => Promise<T>): Promise<T> => {
    try {
      return await answer();
    } catch (error) {
      throw await explain(error, `binding "${name}" failed to ${what}`);
    }
  };
  return {
    description: await ask("describe itself", () => client.describe()),
    admit: (nic) => ask(`admit NIC "${nic.name}"`, () => client.admit(nic)),
    needs: (nic) => ask(`report the needs of NIC "${nic.name}"`, () => client.needs(nic)),
    plan: (attachment) => ask(`plan NIC "${attachment.name}"`, () => client.plan(attachment)),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await end();
    },
  };
}

/**
 * Starts a third-party plugin for as long as it is asked, shut off from the machine as its sidecar will be: without
 * privilege, without a network, with an end to what it prints and how long it takes.
 *
 * @throws BindingError PLUGIN_FAILED with what it printed, UNAVAILABLE where this machine permits no sandbox
 */
export async function startPlugin(spec: PluginProcessSpec): Promise<AskedPlugin> {
  await using stack = new AsyncDisposableStack();
  const plugin = stack.use(new PluginProcess(spec));
  const client = connectBinding(await plugin.start(), scaledTimeout(1));
  stack.defer(() => client.close());
  const asked = await askBehind(
    spec.name,
    client,
    (error, what) => plugin.explain(error, what),
    () => plugin[Symbol.asyncDispose](),
  );
  stack.move();
  return asked;
}

/**
 * Asks a plugin that its author, or the administrator, serves at a socket. `end`: what else ends with it.
 *
 * @throws BindingError PLUGIN_FAILED
 */
export async function connectPlugin(
  name: string,
  socket: string,
  end: () => Promise<void> = async () => undefined,
): Promise<AskedPlugin> {
  const client = connectBinding(socket, scaledTimeout(1));
  const explain: Explain = async (error, asked) => {
    const known = BindingError.from(error, "PLUGIN_FAILED", asked);
    if (known.code !== "UNAVAILABLE") return known;
    const hint = "start a process that serves the binding there: node PLUGIN.mjs binding SOCKET";
    return new BindingError("PLUGIN_FAILED", `${asked} at ${socket}: ${known.message}`, hint, { cause: error });
  };
  try {
    return await askBehind(name, client, explain, end);
  } catch (error) {
    client.close();
    throw error;
  }
}

/**
 * Asks the sidecar that serves a binding in a VM's pod: it is that one's word that counts for a NIC which comes to the pod.
 * Undefined where the pod has none that plans.
 *
 * @throws BindingError PLUGIN_FAILED
 */
export async function connectSidecarPlugin(
  state: State,
  record: LocalPodRecord,
  binding: string,
): Promise<AskedPlugin | undefined> {
  const { sidecars = {} } = record;
  const spec = Object.hasOwn(sidecars, binding) ? sidecars[binding] : undefined;
  if (!answersAsBinding(spec)) return undefined;
  const { base, components, uid } = sidecarLocation(writableDirectory(state, record), spec.container, vmUserOf(record));
  using stack = new DisposableStack();
  const directory = stack.use(HeldDirectory.open(base, [...components, "netbind"]));
  const socket = stack.use(directory.socket("attach.sock", uid));
  const asked = await connectPlugin(binding, socket.path, async () => held.dispose());
  const held = stack.move();
  return asked;
}
