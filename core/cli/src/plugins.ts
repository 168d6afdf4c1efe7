import { readFileSync, statSync } from "node:fs";
import { type AskedBinding, type GrantsByBinding, type ImageFallback, readGrants } from "@netbind/engine";
import type { AskedPlugin } from "@netbind/local";
import { tell } from "./output.ts";
import type { PluginSource, PluginSources } from "./program-options.ts";
import { type Resolve, TOKENS } from "./services.ts";

/** Third-party bindings that can be asked, by the name that they are registered under. They end with this object. */
export interface OpenPlugins extends AsyncDisposable {
  readonly sources: PluginSources;
  readonly asked: ReadonlyMap<string, AskedPlugin>;
  /** What can be asked before any pod exists: these, and this release's own that none of these replaces. */
  readonly bindings: ReadonlyMap<string, AskedBinding>;
}

export const showSource = ({ kind, path }: PluginSource): string => (kind === "socket" ? `unix:${path}` : path);

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** Says what a reader of the command line would not expect. */
function warnOfNames(name: string, source: PluginSource, { description }: AskedPlugin, own: ReadonlyMap<string, unknown>): void {
  const plugin = `warning: --plugin ${name}=${showSource(source)}`;
  if (own.has(name)) tell(`${plugin} replaces this release's own binding ${name}, and may plan what that one may`);
  if (description.name !== name)
    tell(
      `${plugin}: the binding calls itself ${JSON.stringify(description.name)}; it serves the NICs that ask for ${JSON.stringify(name)}`,
    );
}

/** What starts VMs is loaded only where a plugin is to be asked. */
async function open(name: string, { kind, path }: PluginSource, resolve: Resolve): Promise<AskedPlugin> {
  const { connectPlugin, startPlugin } = await import("@netbind/local");
  if (kind === "socket") return connectPlugin(name, path);
  return startPlugin({ name, bundle: path, runtime: resolve(TOKENS.runtime), state: resolve(TOKENS.state) });
}

/** Starts or finds all plugins of the command line. @throws BindingError, Error where a file is missing */
export async function openPlugins(sources: PluginSources, resolve: Resolve): Promise<OpenPlugins> {
  const missing = [...sources].filter(([, { kind, path }]) => kind === "file" && !isFile(path));
  if (missing.length > 0) throw new Error(missing.map(([name, { path }]) => `--plugin ${name}: there is no file ${path}`).join("; "));
  await using stack = new AsyncDisposableStack();
  const own = resolve(TOKENS.bindings);
  const opened = await Promise.allSettled([...sources].map(([name, source]) => open(name, source, resolve)));
  for (const one of opened) if (one.status === "fulfilled") stack.use(one.value);
  const asked = new Map<string, AskedPlugin>();
  for (const [at, [name, source]] of [...sources].entries()) {
    const one = opened[at];
    if (one?.status === "rejected") throw one.reason;
    if (one === undefined) continue;
    warnOfNames(name, source, one.value, own);
    asked.set(name, one.value);
  }
  const bindings = new Map<string, AskedBinding>([
    ...own,
    ...[...asked].map(([name, plugin]) => [name, { ...plugin, ...plugin.description }] as const),
  ]);
  const kept = stack.move();
  return { sources, asked, bindings, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** This release's images, with what stands in for images on this machine. */
export function withPlugins(fallback: ImageFallback, sources: PluginSources): ImageFallback {
  const files = Object.fromEntries([...sources].map(([name, source]) => [name, { image: showSource(source) }]));
  return { ...fallback, table: { ...fallback.table, ...files } };
}

/** What an administrator grants on the command line. @throws GrantsError */
export const grantsIn = (file: string | undefined): GrantsByBinding =>
  file === undefined ? {} : readGrants(file, () => readFileSync(file, "utf8"));
