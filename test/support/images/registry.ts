/** A registry on loopback, with a certificate of its own: Debian's docker-registry. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "@netbind/netns";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A user's name and password, by the only hash that the registry takes. */
export interface RegistryUser {
  readonly htpasswd: string;
}

/** A user whose password is "secret". */
export const KNOWN_USER = {
  htpasswd: "test:$2b$05$4JaGAYvqqy1oOWLN.Iz5aOjdc1mUO166.DDRCUU9d8WsoAKgw73aO",
  /** What skopeo login would write for a registry. */
  authFor: (host: string): string =>
    JSON.stringify({ auths: { [host]: { auth: Buffer.from("test:secret").toString("base64") } } }),
} as const;

export class Registry implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "netbind-registry-"));
  #child: ChildProcess | undefined;
  #port = 0;

  /** Starts one; with users, nobody else gets anything. */
  static async start(user?: RegistryUser): Promise<Registry> {
    const registry = new Registry();
    await registry.#certify();
    registry.#port = await freePort();
    await registry.#run(user);
    return registry;
  }

  /** `127.0.0.1:PORT`. */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Its certificate, as a file. */
  get certificate(): string {
    return join(this.#directory, "ca.pem");
  }

  /** Where it keeps what was pushed. */
  get storage(): string {
    return join(this.#directory, "storage");
  }

  async #certify(): Promise<void> {
    await exec([
      ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-days", "2", "-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"],
      ...["-keyout", join(this.#directory, "key.pem"), "-out", this.certificate],
    ]);
  }

  async #run(user: RegistryUser | undefined): Promise<void> {
    const users = join(this.#directory, "users");
    if (user !== undefined) writeFileSync(users, `${user.htpasswd}\n`);
    const config = {
      version: 0.1,
      log: { level: "error" },
      storage: { filesystem: { rootdirectory: this.storage } },
      http: {
        addr: this.host,
        tls: { certificate: this.certificate, key: join(this.#directory, "key.pem") },
      },
      ...(user === undefined ? {} : { auth: { htpasswd: { realm: "test", path: users } } }),
    };
    const file = join(this.#directory, "config.yml");
    writeFileSync(file, JSON.stringify(config));
    this.#child = spawn("docker-registry", ["serve", file], { stdio: "ignore" });
    const ready = async (): Promise<boolean> =>
      exec(["openssl", "s_client", "-connect", this.host, "-brief"])
        .then(() => true)
        .catch(() => false);
    for (let asked = 0; !(await ready()); asked++) {
      if (asked > 100) throw new Error("the registry does not answer");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Pushes an image of an OCI layout, for all its platforms. */
  async push(layout: string, tag: string, name: string): Promise<void> {
    await exec(
      [
        "skopeo",
        "--insecure-policy",
        "copy",
        "-q",
        "--all",
        "--preserve-digests",
        `oci:${layout}:${tag}`,
        `docker://${this.host}/${name}`,
      ],
      {
        env: { SSL_CERT_FILE: this.certificate },
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
    }
    rmSync(this.#directory, { recursive: true });
  }
}
