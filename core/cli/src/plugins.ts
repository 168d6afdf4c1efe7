import { readFileSync } from "node:fs";
import { allAnswers, type AskedBinding, type GrantsByBinding, readGrants } from "@netbind/engine";
import type { ImageFallback } from "@netbind/kubevirt";
import type { AskedPlugin } from "@netbind/local";
import { tell } from "./output.ts";
import { checkPluginSources } from "./plugin-sources.ts";
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

/** Starts or finds all plugins of the command line. @throws BindingError of all that fail, NamedFileError where a file is missing */
export async function openPlugins(sources: PluginSources, resolve: Resolve): Promise<OpenPlugins> {
  checkPluginSources(sources);
  await using stack = new AsyncDisposableStack();
  const own = resolve(TOKENS.bindings);
  const opening = [...sources].map(async ([name, source]) => {
    const plugin = stack.use(await open(name, source, resolve));
    return [name, source, plugin] as const;
  });
  const opened = await allAnswers(opening);
  for (const [name, source, plugin] of opened) warnOfNames(name, source, plugin, own);
  const asked = new Map(opened.map(([name, , plugin]) => [name, plugin] as const));
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
