import {
  type Attachment,
  type BindingDescription,
  BindingError,
  checkReturned,
  type Hook,
  type Needs,
  type NicSpec,
  type Plan,
  type Violation,
} from "@netbind/contract";
import { binding as bindingWire } from "@netbind/proto";
import { type ChannelInterface, connectivityState, credentials, Metadata } from "@grpc/grpc-js";
import { address, call, DEADLINE, OPTIONS } from "../call.ts";
import { oneOf } from "../wire/checks.ts";
import { needsFromWire } from "../wire/needs-wire.ts";
import { attachmentToWire, nicToWire } from "../wire/nic-wire.ts";
import { planFromWire } from "../wire/plan-wire.ts";
import { contractUnsupported, unreadableAnswer } from "../errors.ts";

/** A binding behind a socket. */
export interface BindingClient {
  /** What the binding is, asked once. */
  describe(): Promise<BindingDescription>;
  /** What it is, asked again. */
  refresh(): Promise<BindingDescription>;
  admit(nic: NicSpec): Promise<readonly Violation[]>;
  needs(nic: NicSpec): Promise<Needs>;
  plan(attachment: Attachment): Promise<Plan>;
  /** Calls a listener once the connection that was answered on is lost, or closed; at once where there is none. */
  onLost(listener: () => void): void;
  close(): void;
}

function readDescription({
  name,
  contract,
  migration,
  hooks,
  takesPodMac,
}: bindingWire.DescribeResponse): BindingDescription {
  if (contract !== "v1alpha1") throw contractUnsupported(name, contract);
  const known = hooks.filter((hook): hook is Hook => hook === "admit" || hook === "needs" || hook === "plan");
  const moves = oneOf(migration, ["none", "supported", "link-refresh"], "the migration method");
  return { name, contract, migration: moves, takesPodMac, hooks: known };
}

/** @throws BindingError PLUGIN_FAILED where a binding does not describe itself as one does */
function describedBy(response: bindingWire.DescribeResponse): BindingDescription {
  try {
    return readDescription(response);
  } catch (error) {
    throw BindingError.from(error, "PLUGIN_FAILED");
  }
}

/** What a binding answers is the binding's fault, not its caller's. */
function fromBinding<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unreadableAnswer(error);
  }
}

function whenLost(channel: ChannelInterface, listener: () => void): void {
  const ready = connectivityState.READY;
  if (channel.getConnectivityState(false) === ready) channel.watchConnectivityState(ready, Infinity, () => listener());
  else listener();
}

/**
 * Connects to a binding. It is described first: what it does not declare is never called. `patience`: how many times longer
 * than usual an answer is waited for.
 */
export function connectBinding(socket: string, timeoutScale = 1): BindingClient {
  const client = new bindingWire.BindingClient(address(socket), credentials.createInsecure(), OPTIONS);
  let description: Promise<BindingDescription> | undefined;
  const describe = (): Promise<BindingDescription> => {
    description ??= call<bindingWire.DescribeResponse>(timeoutScale * DEADLINE, (done) =>
      client.describe({}, new Metadata(), done),
    ).then(describedBy);
    return description;
  };
  const has = async (hook: Hook): Promise<boolean> => (await describe()).hooks.includes(hook);
  return {
    describe,
    refresh: () => {
      description = undefined;
      return describe();
    },
    admit: async (nic) => {
      if (!(await has("admit"))) return [];
      const { violations } = await call<bindingWire.AdmitResponse>(timeoutScale * DEADLINE, (done) =>
        client.admit({ nic: nicToWire(nic) }, new Metadata(), done),
      );
      return checkReturned("admit", violations);
    },
    needs: async (nic) => {
      if (!(await has("needs"))) return {};
      const needs = await call<bindingWire.NeedsResponse>(timeoutScale * DEADLINE, (done) =>
        client.needs({ nic: nicToWire(nic) }, new Metadata(), done),
      );
      return checkReturned("needs", needsFromWire(needs));
    },
    plan: async (attachment) => {
      await describe();
      const response = await call<bindingWire.PlanResponse>(timeoutScale * DEADLINE, (done) =>
        client.plan({ attachment: attachmentToWire(attachment) }, new Metadata(), done),
      );
      return fromBinding(() => planFromWire(response));
    },
    onLost: (listener) => whenLost(client.getChannel(), listener),
    close: () => client.close(),
  };
}
