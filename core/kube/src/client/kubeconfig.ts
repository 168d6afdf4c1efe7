import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isObject } from "@netbind/contract/shape";
import { DEFAULT_NAMESPACE } from "@netbind/kubevirt";
import { load } from "js-yaml";
import { type ApiConnection, type ApiCredentials, serverUrl } from "./connection.ts";
import {
  askCredentialProgram,
  type ClusterInfo,
  type GivenCredentials,
  readCredentialProgram,
} from "./credential-program.ts";
import { ConnectionError } from "./errors.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a client would have to do that this one does not, by its field. */
const REFUSED_OF_CLUSTER = {
  "insecure-skip-tls-verify": "the server's certificate is always verified: name its authority instead",
  "proxy-url": "no proxy is used: name the server itself",
} as const;
/** Programs run unattended: nobody has chosen there that a kubeconfig may start others. */
const PROGRAM = { exec: "no program is run for credentials: use a token, tokenFile or client-certificate" } as const;
const REFUSED_OF_USER = {
  "auth-provider": "no provider is asked for credentials: use a token, tokenFile or client-certificate",
  username: "basic authentication is not part of Kubernetes any more: use a token or client-certificate",
  as: "no other user is impersonated: use that user's own credentials",
} as const;

/** An entry of a kubeconfig, and the file that it is in: what it names is relative to that. */
interface Entry {
  readonly fields: Fields;
  readonly file: string;
}

function readFile(file: string): Fields {
  const wrong = (problem: string): ConnectionError => new ConnectionError(`kubeconfig ${file}: ${problem}`);
  let content: unknown;
  try {
    content = load(readFileSync(file, "utf8"));
  } catch (error) {
    throw wrong((error as Error).message.split("\n")[0] ?? "");
  }
  if (!isObject(content)) throw wrong("it is not an object");
  return content;
}

/** Kubeconfigs that are read as one: of each name the first entry counts, as for kubectl. */
class Kubeconfig {
  readonly source: string;
  readonly #files: readonly Entry[];

  constructor(files: readonly string[]) {
    this.source = `kubeconfig ${files.join(":")}`;
    this.#files = files.map((file) => ({ file, fields: readFile(file) }));
  }

  wrong(problem: string): ConnectionError {
    return new ConnectionError(`${this.source}: ${problem}`);
  }

  /** What is said of a name in `clusters`, `users` or `contexts`, without its name. */
  named(list: string, name: unknown): Entry {
    const field = list.slice(0, -1);
    for (const { fields, file } of this.#files) {
      const all = fields[list];
      const entries: readonly unknown[] = Array.isArray(all) ? all : [];
      const found = entries.find((entry) => isObject(entry) && entry["name"] === name);
      const value = isObject(found) ? (found[field] ?? {}) : undefined;
      if (isObject(value)) return { fields: value, file };
    }
    throw this.wrong(`${list} has no entry ${JSON.stringify(name)} with a ${field}`);
  }

  /** The name of the context that is in use. */
  currentContext(): string {
    const names = this.#files.map(({ fields }) => fields["current-context"]);
    const name = names.find((one) => typeof one === "string" && one !== "");
    if (typeof name !== "string")
      throw this.wrong("it has no current-context: choose one with kubectl config use-context, or with --context");
    return name;
  }

  text({ fields }: Entry, field: string): string | undefined {
    const value = fields[field];
    if (value === undefined || value === null || value === "") return undefined;
    if (typeof value !== "string") throw this.wrong(`${field} is not a text`);
    return value;
  }

  refuse({ fields }: Entry, refused: Readonly<Record<string, string>>): void {
    for (const [field, why] of Object.entries(refused)) if (fields[field]) throw this.wrong(`${field}: ${why}`);
  }

  /** Content that is given itself, in base64, or as a file's: relative to the kubeconfig. */
  content(entry: Entry, field: string): string | undefined {
    const inline = this.text(entry, `${field}-data`);
    return inline === undefined ? this.file(entry, field) : Buffer.from(inline, "base64").toString();
  }

  file(entry: Entry, field: string): string | undefined {
    const named = this.text(entry, field);
    if (named === undefined) return undefined;
    const path = resolve(dirname(entry.file), named);
    try {
      return readFileSync(path, "utf8").trim();
    } catch (error) {
      throw this.wrong(`${field}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }
}

function credentialsOf(config: Kubeconfig, cluster: Entry, user: Entry): ApiCredentials {
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

/** What a credential program may know of its cluster. */
function clusterInfo(config: Kubeconfig, cluster: Entry): ClusterInfo {
  const ca = config.content(cluster, "certificate-authority");
  const extensions: readonly unknown[] = Array.isArray(cluster.fields["extensions"])
    ? cluster.fields["extensions"]
    : [];
  const own = extensions.find((one) => isObject(one) && one["name"] === "client.authentication.k8s.io/exec");
  return {
    server: config.text(cluster, "server"),
    "tls-server-name": config.text(cluster, "tls-server-name"),
    "certificate-authority-data": ca === undefined ? undefined : Buffer.from(ca).toString("base64"),
    config: isObject(own) ? own["extension"] : undefined,
  };
}

/** Milliseconds before its end at which a credential is asked for again. */
const EARLY = 10_000;

/** What a user's credential program gives; none where the user has no program. It is asked again when that ends. */
function programCredentials(config: Kubeconfig, cluster: Entry, user: Entry): () => ApiCredentials {
  const { exec } = user.fields;
  if (!exec) return () => ({});
  const program = readCredentialProgram(exec, user.file);
  if ("length" in program) throw config.wrong(program.join("; "));
  let given: GivenCredentials | undefined;
  return () => {
    if (given === undefined || (given.expires ?? Number.POSITIVE_INFINITY) - EARLY < Date.now())
      try {
        given = askCredentialProgram(program, clusterInfo(config, cluster));
      } catch (error) {
        throw config.wrong(`exec: credential program ${program.command}: ${(error as Error).message}`);
      }
    return given.credentials;
  };
}

/** A cluster as a kubeconfig names it. */
export interface KubeconfigContext {
  readonly connection: ApiConnection;
  readonly name: string;
  /** What is meant where no namespace is named: `default` where the context says none. */
  readonly namespace: string;
}

/** Which cluster of a kubeconfig is meant, and what may be done for it. */
export interface KubeconfigChoice {
  /** Absent: the current context. */
  readonly context?: string;
  /** True where the user's own program (`exec`) is started for credentials, as kubectl does. */
  readonly runsPrograms?: boolean;
}

/**
 * The API server of a context in one or several files.
 *
 * @throws ConnectionError with the field that cannot be used
 */
export function kubeconfigContext(
  files: readonly string[],
  { context, runsPrograms = false }: KubeconfigChoice = {},
): KubeconfigContext {
  const config = new Kubeconfig(files);
  const name = context ?? config.currentContext();
  const entry = config.named("contexts", name);
  const cluster = config.named("clusters", entry.fields["cluster"]);
  const user = config.named("users", entry.fields["user"]);
  config.refuse(cluster, REFUSED_OF_CLUSTER);
  config.refuse(user, { ...(runsPrograms ? {} : PROGRAM), ...REFUSED_OF_USER });
  const text = config.text(cluster, "server");
  if (text === undefined) throw config.wrong("the cluster has no server");
  let server: URL;
  try {
    server = serverUrl(text, "server");
  } catch (error) {
    throw config.wrong((error as Error).message);
  }
  const given = programCredentials(config, cluster, user);
  const credentials = (): ApiCredentials => ({ ...credentialsOf(config, cluster, user), ...given() });
  credentials();
  const connection = { server, source: config.source, credentials };
  return { connection, name, namespace: config.text(entry, "namespace") ?? DEFAULT_NAMESPACE };
}

/** The API server of a kubeconfig's current context. @throws ConnectionError with the field that cannot be used */
export const kubeconfigConnection = (file: string): ApiConnection => kubeconfigContext([file]).connection;
