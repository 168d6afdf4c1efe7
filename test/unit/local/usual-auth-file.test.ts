/** Where passwords for registries are found that skopeo login, podman login and docker login wrote. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { usualAuthFile } from "../../../core/local/src/images/host-program.ts";

test("a session's file comes before the user's, and each tool's own is found", () => {
  const directory = mkdtempSync(join(tmpdir(), "netbind-auth-"));
  try {
    const at = (path: string): string => join(directory, path);
    const places = ["docker/config.json", "home/.config/containers/auth.json", "run/containers/auth.json", "own.json"];
    const env = { HOME: at("home"), DOCKER_CONFIG: at("docker"), XDG_RUNTIME_DIR: at("run") };
    const named = { ...env, REGISTRY_AUTH_FILE: at("own.json") };
    for (const place of places) {
      mkdirSync(dirname(at(place)), { recursive: true });
      writeFileSync(at(place), "{}");
      expect(usualAuthFile(named)).toBe(at(place));
    }
    expect(usualAuthFile(env)).toBe(at("run/containers/auth.json"));
    expect(usualAuthFile({ HOME: at("home"), XDG_RUNTIME_DIR: "" })).toBe(at("home/.config/containers/auth.json"));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
