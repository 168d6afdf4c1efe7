/** How a client learns where its API server is: what it cannot use it says, with the field. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConnectionError, inClusterConnection, kubeconfigConnection, kubeconfigContext } from "@netbind/kube";
import { afterEach, beforeEach, expect, test } from "vitest";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-kubeconfig-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (name: string, content: string): string => {
  const file = join(directory, name);
  writeFileSync(file, content);
  return file;
};
const base64 = (content: string): string => Buffer.from(content).toString("base64");

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly rest?: object;
}

const kubeconfig = ({ cluster = {}, user = {}, rest = {} }: Parts = {}): string =>
  write(
    "config",
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server: "https://10.0.0.1:6443/", ...cluster } }],
      users: [{ name: "u", user }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
      ...rest,
    }),
  );

test("a pod's service account is read again each time, for its token is replaced", () => {
  write("ca.crt", "CA\n");
  write("token", "first\n");
  const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
  const connection = inClusterConnection({ env, directory });
  expect([connection.server.origin, connection.credentials()]).toEqual([
    "https://[fd00::1]",
    { ca: "CA", token: "first" },
  ]);
  write("token", "second\n");
  expect(connection.credentials().token).toBe("second");
  rmSync(join(directory, "token"));
  expect(() => connection.credentials()).toThrow(/token cannot be read \(ENOENT\): give the pod a service account/);
});

test("outside of a pod a kubeconfig has to be named", () => {
  expect(() => inClusterConnection({ env: {} })).toThrow(/not in a pod.*--kubeconfig/);
});

test("a kubeconfig gives certificates in itself or as files beside it, and a token or its file", () => {
  write("authority.pem", "CA");
  const user = { "client-certificate-data": base64("CERT"), "client-key-data": base64("KEY") };
  const certified = kubeconfigConnection(kubeconfig({ cluster: { "certificate-authority": "authority.pem" }, user }));
  expect(certified.server.href).toBe("https://10.0.0.1:6443/");
  expect(certified.credentials()).toEqual({ ca: "CA", cert: "CERT", key: "KEY" });
  const token = write("token", "one\n");
  const named = kubeconfigConnection(
    kubeconfig({ cluster: { "tls-server-name": "kube" }, user: { tokenFile: token } }),
  );
  expect(named.credentials()).toEqual({ servername: "kube", token: "one" });
  write("token", "two\n");
  expect(named.credentials().token).toBe("two");
});

const WRONG: Readonly<Record<string, readonly [Parts, RegExp]>> = {
  "no TLS": [{ cluster: { server: "http://10.0.0.1" } }, /is not https/],
  "no URL": [{ cluster: { server: "10.0.0.1:6443" } }, /is not (a URL|https)/],
  "no server": [{ cluster: { server: "" } }, /has no server/],
  "TLS unverified": [{ cluster: { "insecure-skip-tls-verify": true } }, /insecure-skip-tls-verify: .*always verified/],
  "a proxy": [{ cluster: { "proxy-url": "http://p" } }, /proxy-url/],
  "a program": [{ user: { exec: { command: "aws" } } }, /exec: no program is run/],
  "half a certificate": [{ user: { "client-certificate-data": base64("C") } }, /client-key go together/],
  "a file that is not there": [{ user: { tokenFile: "nowhere" } }, /tokenFile: .*nowhere cannot be read \(ENOENT\)/],
  "a number": [{ user: { token: 7 } }, /token is not a text/],
  "no context": [{ rest: { "current-context": "" } }, /no current-context/],
  "another context": [{ rest: { "current-context": "y" } }, /contexts has no entry "y"/],
  "no user": [{ rest: { users: [] } }, /users has no entry "u"/],
  "lists that are none": [{ rest: { clusters: "c" } }, /clusters has no entry "c"/],
};

test.each(Object.entries(WRONG))("a kubeconfig with %s is refused, by its field", (_, [parts, words]) => {
  const file = kubeconfig(parts);
  expect(() => kubeconfigConnection(file)).toThrow(ConnectionError);
  expect(() => kubeconfigConnection(file)).toThrow(words);
});

test("a file that is not a kubeconfig is refused with its name", () => {
  expect(() => kubeconfigConnection(join(directory, "none"))).toThrow(/kubeconfig .*none: ENOENT/);
  expect(() => kubeconfigConnection(write("bad", "a: [\n"))).toThrow(/kubeconfig .*bad: /);
  expect(() => kubeconfigConnection(write("list", "- a\n"))).toThrow(/it is not an object/);
});

test("several kubeconfigs are one: of each name the first counts, and files are relative to their own", () => {
  const first = kubeconfig({ rest: { "current-context": "" } });
  mkdirSync(join(directory, "b"));
  write("b/token", "second\n");
  const second = write(
    "b/config",
    JSON.stringify({
      clusters: [
        { name: "c", cluster: { server: "https://10.9.9.9" } },
        { name: "d", cluster: { server: "https://10.0.0.2" } },
      ],
      users: [{ name: "v", user: { tokenFile: "token" } }],
      contexts: [{ name: "y", context: { cluster: "d", user: "v", namespace: "web" } }],
      "current-context": "y",
    }),
  );
  const current = kubeconfigContext([first, second]);
  expect([current.name, current.namespace, current.connection.server.host]).toEqual(["y", "web", "10.0.0.2"]);
  expect(current.connection.credentials()).toEqual({ token: "second" });
  const named = kubeconfigContext([first, second], { context: "x" });
  expect([named.namespace, named.connection.server.host]).toEqual(["default", "10.0.0.1:6443"]);
  expect(() => kubeconfigContext([first, second], { context: "z" })).toThrow(
    /config:.*config: contexts has no entry "z"/,
  );
});
