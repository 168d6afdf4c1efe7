/** A kubeconfig's credential program is started where a person has chosen the kubeconfig, and what it does wrong is said. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiCredentials, ConnectionError, kubeconfigContext } from "@netbind/kube";
import { afterEach, beforeEach, expect, test } from "vitest";

const V1 = "client.authentication.k8s.io/v1";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-credentials-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const print = (answer: string): string => `printf '%s' '${answer}'`;
/** What a program does: it notes what it is given, and prints an answer. */
const program = (answer: string): string =>
  `printf '%s\\n' "$KUBERNETES_EXEC_INFO" "$REGION" "$@" >> "${directory}/given"; ${print(answer)}`;

const answer = (status: object, apiVersion = V1): string =>
  JSON.stringify({ apiVersion, kind: "ExecCredential", status });

interface Parts {
  readonly exec: object;
  readonly user?: object;
  readonly cluster?: object;
}

function credentials({ exec, user = {}, cluster = {} }: Parts): () => ApiCredentials {
  const file = join(directory, "config");
  const content = {
    clusters: [{ name: "c", cluster: { server: "https://10.0.0.1:6443", ...cluster } }],
    users: [{ name: "u", user: { exec, ...user } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  writeFileSync(file, JSON.stringify(content));
  const { connection } = kubeconfigContext([file], { runsPrograms: true });
  return () => connection.credentials();
}

const shell = (script: string, rest: object = {}): object => ({
  ...{ apiVersion: V1, command: "/bin/sh", args: ["-c", script, "sh", "one"], interactiveMode: "Never" },
  ...rest,
});
const given = (): string[] => readFileSync(join(directory, "given"), "utf8").trim().split("\n");

test("a program's token serves, and it is asked once while that is valid", () => {
  const script = program(answer({ token: "t", expirationTimestamp: "2999-01-01T00:00:00Z" }));
  const ask = credentials({ exec: shell(script, { env: [{ name: "REGION", value: "eu" }] }) });
  expect([ask(), ask()]).toEqual([{ token: "t" }, { token: "t" }]);
  const info = { apiVersion: V1, kind: "ExecCredential", spec: { interactive: false } };
  expect(given()).toEqual([JSON.stringify(info), "eu", "one"]);
});

test("a program is asked again once its token has ended", () => {
  const ask = credentials({
    exec: shell(program(answer({ token: "t", expirationTimestamp: "2001-01-01T00:00:00Z" }))),
  });
  ask();
  expect(given().filter((line) => line === "one")).toHaveLength(2);
});

test("a program is given its cluster where it asks for it, and its certificate serves", () => {
  const script = program(answer({ clientCertificateData: "CERT", clientKeyData: "KEY" }));
  const extension = { audience: "a" };
  const extensions = [{ name: "client.authentication.k8s.io/exec", extension }];
  const cluster = { "certificate-authority-data": "Q0E=", extensions };
  const ask = credentials({ exec: shell(script, { provideClusterInfo: true }), cluster });
  expect(ask()).toEqual({ ca: "CA", cert: "CERT", key: "KEY" });
  expect(JSON.parse(given()[0] ?? "")).toMatchObject({
    spec: { cluster: { server: "https://10.0.0.1:6443", "certificate-authority-data": "Q0E=", config: extension } },
  });
});

test("a program's path is relative to its kubeconfig", () => {
  writeFileSync(join(directory, "get-token"), `#!/bin/sh\n${program(answer({ token: "t" }))}`, { mode: 0o755 });
  expect(credentials({ exec: { apiVersion: V1, command: "./get-token" } })()).toEqual({ token: "t" });
});

const WRONG: Readonly<Record<string, readonly [object, RegExp]>> = {
  "is not installed": [
    shell("", { command: "netbind-no-such", installHint: "install it" }),
    /not installed: install it/,
  ],
  "ends with an error": [shell("exit 3"), /ended with code 3/],
  "is killed": [shell("kill -KILL $$"), /ended with SIGKILL/],
  "prints no JSON": [shell("echo no"), /printed no JSON/],
  "prints something else": [shell("echo '{}'"), /printed no ExecCredential/],
  "prints another version": [shell(print(answer({ token: "t" }, `${V1}beta1`))), /v1beta1", and .*v1 was asked for/],
  "gives nothing": [shell(print(answer({}))), /neither a token nor a certificate/],
  "gives half a certificate": [shell(print(answer({ clientKeyData: "K" }))), /half of a certificate/],
  "gives no time": [shell(print(answer({ token: "t", expirationTimestamp: "soon" }))), /expirationTimestamp is not/],
  "needs a terminal": [shell(print(answer({ token: "t" })), { interactiveMode: "Always" }), /needs a terminal/],
  "is not described": [
    { command: "", args: "a", env: [{ name: "a=b", value: 1 }], interactiveMode: "x" },
    /exec\.apiVersion has.*; exec\.command is.*; exec\.args is.*; exec\.env is.*; exec\.interactiveMode has/,
  ],
};

test.each(Object.entries(WRONG))("what is wrong is said of a program that %s", (_, [exec, words]) => {
  expect(() => credentials({ exec })).toThrow(ConnectionError);
  expect(() => credentials({ exec })).toThrow(words);
});
