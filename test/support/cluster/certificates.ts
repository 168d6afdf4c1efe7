/** The authority of a test cluster, and what it certifies. */
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exec } from "@netbind/netns";

/** What is certified: a client by its name and groups, a server by its names and addresses. */
export interface Subject {
  /** Common name: to Kubernetes the user. */
  readonly name: string;
  /** Organization: to Kubernetes the group. */
  readonly group?: string;
  /** Such as `DNS:localhost`, `IP:127.0.0.1`; absent: a client. */
  readonly serves?: readonly string[];
}

/** The files of a certificate. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

const DAYS = "30";
/** No defaults of the machine's own: they would make every certificate an authority's. */
const CONFIGURATION = "[req]\ndistinguished_name = name\n[name]\n";
const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"];

/** An authority in a directory, which holds its keys: nobody but root reads it. */
export class Authority {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** The authority of a directory; made where there is none yet. */
  static async in(directory: string): Promise<Authority> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const authority = new Authority(directory);
    if (existsSync(authority.caFile)) return authority;
    writeFileSync(authority.#configuration, CONFIGURATION);
    const extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,digitalSignature"];
    await authority.#request("ca", "/CN=netbind-test-cluster", extensions);
    return authority;
  }

  get caFile(): string {
    return join(this.directory, "ca.crt");
  }

  get caKeyFile(): string {
    return join(this.directory, "ca.key");
  }

  get #configuration(): string {
    return join(this.directory, "openssl.cnf");
  }

  /** The files of a certificate that was issued. */
  files(file: string): CertificateFiles {
    return { cert: join(this.directory, `${file}.crt`), key: join(this.directory, `${file}.key`) };
  }

  /** Issues a certificate into `FILE.crt` and `FILE.key`. */
  async issue(file: string, { name, group, serves }: Subject): Promise<CertificateFiles> {
    const subject = `${group === undefined ? "" : `/O=${group}`}/CN=${name}`;
    const extensions = ["basicConstraints=CA:FALSE", `extendedKeyUsage=${serves ? "serverAuth" : "clientAuth"}`];
    if (serves !== undefined) extensions.push(`subjectAltName=${serves.join(",")}`);
    await this.#request(file, subject, extensions, ["-CA", this.caFile, "-CAkey", this.caKeyFile]);
    return this.files(file);
  }

  /** The key pair that service accounts' tokens are signed with: `service-accounts.key` and `.pub`. */
  makeTokenKeys(): void {
    const { privateKey, publicKey } = generateKeyPairSync("ec", {
      namedCurve: "prime256v1",
      privateKeyEncoding: { type: "sec1", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    writeFileSync(join(this.directory, "service-accounts.key"), privateKey, { mode: 0o600 });
    writeFileSync(join(this.directory, "service-accounts.pub"), publicKey);
  }

  /** Writes a kubeconfig of a certificate's user. JSON is YAML. */
  writeKubeconfig(to: string, server: string, file: string): void {
    const { cert, key } = this.files(file);
    const base64 = (path: string): string => readFileSync(path).toString("base64");
    const user = { "client-certificate-data": base64(cert), "client-key-data": base64(key) };
    const cluster = { server, "certificate-authority-data": base64(this.caFile) };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "test", cluster }],
      users: [{ name: file, user }],
      contexts: [{ name: "test", context: { cluster: "test", user: file } }],
      "current-context": "test",
    };
    writeFileSync(to, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
  }

  async #request(file: string, subject: string, extensions: readonly string[], by: readonly string[] = []) {
    const { cert, key } = this.files(file);
    const more = extensions.flatMap((extension) => ["-addext", extension]);
    const to = ["-config", this.#configuration, "-keyout", key, "-out", cert, "-days", DAYS, "-sha256"];
    await exec(["openssl", "req", "-x509", ...EC, ...to, "-subj", subject, ...more, ...by]);
  }
}
