import "reflect-metadata/lite";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  explainedBindings,
  releasedGrants,
  releasedImages,
  releasedPlugins,
  releasedRegistrations,
} from "@netbind/bindings";
import { terminalJson } from "@netbind/engine/terminal";
import { type RuntimeStart, State, stateDirectories } from "@netbind/local";
import { logLevel, exec as runCommand } from "@netbind/netns";
import pino, { type Logger } from "pino";
import { container, instanceCachingFactory } from "tsyringe";
import { type Resolve, TOKENS } from "./tokens.ts";

/** The composition root: what commands are given is made here, and nowhere else. */
export function compose(): Resolve {
  const bindings = releasedPlugins();
  container.register(TOKENS.bindings, { useValue: bindings });
  container.register(TOKENS.fallback, { useValue: { policy: "Always", table: releasedImages() } });
  container.register(TOKENS.imageTable, {
    useValue: fileURLToPath(new URL("../../../dist/images/images.json", import.meta.url)),
  });
  container.register(TOKENS.explained, { useValue: explainedBindings() });
  container.register(TOKENS.grants, { useValue: releasedGrants() });
  container.register(TOKENS.released, {
    useValue: { plugins: bindings, registrations: releasedRegistrations(), grants: releasedGrants() },
  });
  container.register(TOKENS.deviceSettings, { useValue: { DP_MACVTAP_CONF: process.env["DP_MACVTAP_CONF"] } });
  container.register(TOKENS.log, {
    useFactory: instanceCachingFactory(() =>
      pino(
        { name: "netbind", level: logLevel("warn"), hooks: { streamWrite: terminalJson } },
        pino.destination({ dest: 2, sync: true }),
      ),
    ),
  });
  container.register(TOKENS.state, {
    useFactory: instanceCachingFactory(() => State.trusted(stateDirectories(process.env))),
  });
  container.register(TOKENS.exec, {
    useFactory: instanceCachingFactory((of) => logged(of.resolve<Logger>(TOKENS.log))),
  });
  const sidecars = (path: string): string => fileURLToPath(new URL(`../../../sidecars/${path}`, import.meta.url));
  const bundle = (name: string): string => sidecars(`dist/${name}.mjs`);
  container.register(TOKENS.runtime, {
    useFactory: instanceCachingFactory(() => ({
      node: process.execPath,
      start: JSON.parse(readFileSync(sidecars("runtime.json"), "utf8")) as RuntimeStart,
      bundle: (name: string) => (bindings.has(name) && existsSync(bundle(name)) ? bundle(name) : undefined),
    })),
  });
  return (token) => container.resolve(token);
}

/** Runs commands, and logs each with its time where NETBIND_LOG is debug. */
const logged =
  (log: Logger): typeof runCommand =>
  async (argv, options) => {
    const start = performance.now();
    try {
      return await runCommand(argv, options);
    } finally {
      log.debug({ argv, ms: Math.round(performance.now() - start) }, "ran");
    }
  };
