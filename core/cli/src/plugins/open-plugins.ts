import { readFileSync } from "node:fs";
import { BindingError } from "@netbind/contract";
import { allAnswers, type AskedBinding, type GrantsByBinding, readGrants, withGrants } from "@netbind/engine";
import type { ImageFallback } from "@netbind/kubevirt";
import type { AskedPlugin } from "@netbind/local";
import { exitOnSignal } from "../interruption.ts";
import { printMessage } from "../output.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { checkPluginSources, type PluginSource, type PluginSources } from "./plugin-sources.ts";

/** Third-party bindings that can be asked, by the name that they are registered under. They end with this object. */
export interface OpenPlugins extends AsyncDisposable {
  readonly sources: PluginSources;
  readonly asked: ReadonlyMap<string, AskedPlugin>;
  /** Those that could not be opened, and why. */
  readonly failed: ReadonlyMap<string, BindingError>;
  /** What can be asked before any pod exists: these, and this release's own that none of the command line replaces. */
  readonly bindings: ReadonlyMap<string, AskedBinding>;
}

export const formatSource = ({ kind, path }: PluginSource): string => (kind === "socket" ? `unix:${path}` : path);

/** Says what a reader of the command line would not expect. */
function warnOfNames(
  name: string,
  source: PluginSource,
  { description }: AskedPlugin,
  own: ReadonlyMap<string, unknown>,
): void {
  const plugin = `warning: --plugin ${name}=${formatSource(source)}`;
  if (own.has(name)) printMessage(`${plugin} replaces this release's own binding ${name}, and has its grants`);
  if (description.name !== name)
    printMessage(
      `${plugin}: the binding calls itself ${JSON.stringify(description.name)}; it serves the NICs of binding ${JSON.stringify(name)}`,
    );
}

/** What starts VMs is loaded only where a plugin is to be asked. */
async function open(name: string, { kind, path }: PluginSource, resolve: Resolve): Promise<AskedPlugin> {
  const { connectPlugin, startPlugin } = await import("@netbind/local");
  if (kind === "socket") return connectPlugin(name, path);
  return startPlugin({ name, bundle: path, runtime: resolve(TOKENS.runtime), state: resolve(TOKENS.state) });
}

/** The plugins that could be opened, and the errors of those that could not. @throws what is thrown, where it is not a binding's error */
async function openAll(sources: PluginSources, open: (name: string, source: PluginSource) => Promise<AskedPlugin>) {
  const names = [...sources.keys()];
  const settled = await Promise.allSettled([...sources].map(([name, source]) => open(name, source)));
  const asked = new Map<string, AskedPlugin>();
  const failed = new Map<string, BindingError>();
  for (const [at, one] of settled.entries()) {
    const name = names[at] ?? "";
    if (one.status === "fulfilled") asked.set(name, one.value);
    else if (BindingError.is(one.reason)) failed.set(name, one.reason);
    else throw one.reason;
  }
  return { asked, failed };
}

/** Fails where a plugin could not be opened: for a command that is about nothing else. @throws BindingError of all that failed */
export async function requireOpened({ failed }: OpenPlugins): Promise<void> {
  await allAnswers([...failed.values()].map((error) => Promise.reject(error)));
}

/** Starts or finds all plugins of the command line, whichever of them fail. @throws NamedFileError where a file is missing */
export async function openPlugins(sources: PluginSources, resolve: Resolve): Promise<OpenPlugins> {
  checkPluginSources(sources);
  await using stack = new AsyncDisposableStack();
  stack.use(exitOnSignal());
  const own = resolve(TOKENS.bindings);
  const { asked, failed } = await openAll(sources, async (name, source) =>
    stack.use(await open(name, source, resolve)),
  );
  for (const [name, source] of sources) {
    const plugin = asked.get(name);
    if (plugin !== undefined) warnOfNames(name, source, plugin, own);
  }
  const bindings = new Map<string, AskedBinding>([
    ...[...own].filter(([name]) => !sources.has(name)),
    ...[...asked].map(([name, plugin]) => [name, { ...plugin, ...plugin.description }] as const),
  ]);
  const kept = stack.move();
  return { sources, asked, failed, bindings, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** This release's images, with what stands in for images on this machine. */
export function withPlugins(fallback: ImageFallback, sources: PluginSources): ImageFallback {
  const files = Object.fromEntries([...sources].map(([name, source]) => [name, { image: formatSource(source) }]));
  return { ...fallback, table: { ...fallback.table, ...files } };
}

/** What this release's bindings are granted, and what an administrator grants on the command line over it. @throws GrantsError */
export const grantsIn = (file: string | undefined, resolve: Resolve): GrantsByBinding =>
  withGrants(
    resolve(TOKENS.grants),
    file === undefined ? {} : readGrants(`--grants ${file}`, () => readFileSync(file, "utf8")),
  );
