import { defined } from "@netbind/contract";
import { DEFAULT_POD_NETWORK, migrateVm } from "@netbind/local";
import type { OutputFormat } from "../output.ts";
import { EXIT } from "../exit-codes.ts";
import { Interruption } from "../interruption.ts";
import { printMessage } from "../output.ts";
import { reportVm } from "./report-vm.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { waitForAddresses } from "./wait-for-addresses.ts";

/** The options of `netbind migrate`. */
export interface MigrateOptions {
  readonly output: OutputFormat;
  /** Seconds to wait for the guest's addresses in its next pod. */
  readonly wait: number;
}

/** `netbind migrate`: moves a running VM to a second pod, live. */
export async function migrate(name: string, options: MigrateOptions, resolve: Resolve): Promise<number> {
  const interruption = new Interruption("stopping: the VM stays in the pod where its guest is");
  try {
    await moveAndReport(name, options, interruption.signal, resolve);
    return interruption.exitCode ?? EXIT.ok;
  } catch (error) {
    throw interruption.explain(error);
  }
}

async function moveAndReport(
  name: string,
  { output, wait }: MigrateOptions,
  signal: AbortSignal,
  resolve: Resolve,
): Promise<void> {
  const context = {
    ...{
      state: resolve(TOKENS.state),
      exec: resolve(TOKENS.exec),
      podNetwork: DEFAULT_POD_NETWORK,
      bindings: resolve(TOKENS.bindings),
    },
    ...{ deviceSettings: resolve(TOKENS.deviceSettings), progress: printMessage, signal },
  };
  const { record, from, downtime } = await migrateVm(context, name);
  const nics = (record.attached ?? []).flatMap((attachment) => {
    const plan = record.nics[attachment.name]?.plan;
    return plan === undefined ? [] : [{ attachment, plan }];
  });
  const status = await waitForAddresses(context, nics, name, wait);
  const stood = downtime === undefined ? "" : `; downtime ${downtime} ms`;
  reportVm(status, `is running in the pod ${record.netns} now${stood}`, output, defined({ from, downtime }));
}
