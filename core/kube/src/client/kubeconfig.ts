import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isObject } from "@netbind/contract/shape";
import { load } from "js-yaml";
import { type ApiConnection, type ApiCredentials, serverUrl } from "./connection.ts";
import { ConnectionError } from "./errors.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a client would have to do that this one does not, by its field. */
const REFUSED_OF_CLUSTER = {
  "insecure-skip-tls-verify": "the server's certificate is always verified: name its authority instead",
  "proxy-url": "no proxy is used: name the server itself",
} as const;
const REFUSED_OF_USER = {
  exec: "no program is run for credentials: use a token, tokenFile or client-certificate",
  "auth-provider": "no provider is asked for credentials: use a token, tokenFile or client-certificate",
  username: "basic authentication is not part of Kubernetes any more: use a token or client-certificate",
  as: "no other user is impersonated: use that user's own credentials",
} as const;

/** A kubeconfig that is read, with where each file that it names is. */
class Kubeconfig {
  readonly #file: string;
  readonly #content: Fields;

  constructor(file: string) {
    this.#file = file;
    let content: unknown;
    try {
      content = load(readFileSync(file, "utf8"));
    } catch (error) {
      throw this.wrong((error as Error).message.split("\n")[0] ?? "");
    }
    if (!isObject(content)) throw this.wrong("it is not an object");
    this.#content = content;
  }

  wrong(problem: string): ConnectionError {
    return new ConnectionError(`kubeconfig ${this.#file}: ${problem}`);
  }

  /** What is said of a name in `clusters`, `users` or `contexts`, without its name. */
  named(list: string, name: unknown): Fields {
    const field = list.slice(0, -1);
    const all = this.#content[list];
    const entries: readonly unknown[] = Array.isArray(all) ? all : [];
    const found = entries.find((entry) => isObject(entry) && entry["name"] === name);
    const value = isObject(found) ? (found[field] ?? {}) : undefined;
    if (!isObject(value)) throw this.wrong(`${list} has no entry ${JSON.stringify(name)} with a ${field}`);
    return value;
  }

  context(): Fields {
    const name = this.#content["current-context"];
    if (typeof name !== "string" || name === "")
      throw this.wrong("it has no current-context: choose one with kubectl config use-context");
    return this.named("contexts", name);
  }

  text(fields: Fields, field: string): string | undefined {
    const value = fields[field];
    if (value === undefined || value === null || value === "") return undefined;
    if (typeof value !== "string") throw this.wrong(`${field} is not a text`);
    return value;
  }

  refuse(fields: Fields, refused: Readonly<Record<string, string>>): void {
    for (const [field, why] of Object.entries(refused)) if (fields[field]) throw this.wrong(`${field}: ${why}`);
  }

  /** Content that is given itself, in base64, or as a file's: relative to the kubeconfig. */
  content(fields: Fields, field: string): string | undefined {
    const inline = this.text(fields, `${field}-data`);
    return inline === undefined ? this.file(fields, field) : Buffer.from(inline, "base64").toString();
  }

  file(fields: Fields, field: string): string | undefined {
    const named = this.text(fields, field);
    if (named === undefined) return undefined;
    const path = resolve(dirname(this.#file), named);
    try {
      return readFileSync(path, "utf8").trim();
    } catch (error) {
      throw this.wrong(`${field}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }
}

function credentialsOf(config: Kubeconfig, cluster: Fields, user: Fields): ApiCredentials {
  const all = {
    ca: config.content(cluster, "certificate-authority"),
    servername: config.text(cluster, "tls-server-name"),
    cert: config.content(user, "client-certificate"),
    key: config.content(user, "client-key"),
    token: config.file(user, "tokenFile") ?? config.text(user, "token"),
  };
  if ((all.cert === undefined) !== (all.key === undefined))
    throw config.wrong("client-certificate and client-key go together: give both");
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** The API server of a kubeconfig's current context. @throws ConnectionError with the field that cannot be used */
export function kubeconfigConnection(file: string): ApiConnection {
  const config = new Kubeconfig(file);
  const context = config.context();
  const cluster = config.named("clusters", context["cluster"]);
  const user = config.named("users", context["user"]);
  config.refuse(cluster, REFUSED_OF_CLUSTER);
  config.refuse(user, REFUSED_OF_USER);
  const text = config.text(cluster, "server");
  if (text === undefined) throw config.wrong("the cluster has no server");
  let server: URL;
  try {
    server = serverUrl(text, "server");
  } catch (error) {
    throw config.wrong((error as Error).message);
  }
  const credentials = (): ApiCredentials => credentialsOf(config, cluster, user);
  credentials();
  return { server, source: `kubeconfig ${file}`, credentials };
}
