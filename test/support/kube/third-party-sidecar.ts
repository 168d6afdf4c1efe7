/** Hook sidecars that are not of this release: what they subscribe to and answer is the test's. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { hooksV1alpha1, hooksV1alpha2, hooksV1alpha3, info } from "@netbind/proto";
import { listenUnix, makeServer } from "@netbind/remote/sidecar";
import type { handleUnaryCall } from "@grpc/grpc-js";

/** One call that a launcher made, with what it sent. */
export interface HookCall {
  readonly sidecar: string;
  readonly hook: "Info" | "OnDefineDomain" | "PreCloudInitIso" | "Shutdown";
  readonly sent: string;
}

/** A sidecar, as it presents itself. */
export interface ThirdParty {
  /** Its directory in the pod's volume of hook sockets. */
  readonly directory: string;
  readonly socket: string;
  readonly points: readonly { readonly name: string; readonly priority: number }[];
  readonly versions?: readonly ("v1alpha1" | "v1alpha2" | "v1alpha3")[];
  /** What it makes of cloud-init's data. Absent: the same. */
  readonly cloudInit?: (data: string) => string;
  /** What it makes of a domain. Absent: {@link addOwnElement}. */
  readonly domain?: (xml: string, directory: string) => string;
  /** Milliseconds until it answers about a domain. */
  readonly answersAfter?: number;
  /** True where Shutdown fails. */
  readonly failsToShutDown?: boolean;
}

/** What one makes of a domain, where its test does not say otherwise. */
export const addOwnElement = (xml: string, directory: string): string =>
  xml.replace("</domain>", `<!-- ${directory} --></domain>`);

/** Serves one, and writes down what it is asked. Each adds an element of its own behind a domain's. */
export async function serveThirdParty(hooks: string, sidecar: ThirdParty, calls: HookCall[]): Promise<Disposable> {
  const heard = (hook: HookCall["hook"], sent = ""): void =>
    void calls.push({ sidecar: sidecar.directory, hook, sent });
  const unary =
    <Q, R>(answer: (request: Q) => R): handleUnaryCall<Q, R> =>
    ({ request }, done) => {
      try {
        done(null, answer(request));
      } catch (error) {
        done(error as Error, null);
      }
    };
  const onDefineDomain = unary(({ domainXML }: hooksV1alpha1.OnDefineDomainParams) => {
    heard("OnDefineDomain", domainXML.toString());
    return { domainXML: Buffer.from((sidecar.domain ?? addOwnElement)(domainXML.toString(), sidecar.directory)) };
  });
  const preCloudInitIso = unary(({ cloudInitData }: hooksV1alpha2.PreCloudInitIsoParams) => {
    heard("PreCloudInitIso", cloudInitData.toString());
    const answer = Buffer.from((sidecar.cloudInit ?? String)(cloudInitData.toString()));
    return { cloudInitData: answer, cloudInitNoCloudSource: Buffer.from('{"userData":"legacy"}') };
  });
  const shutdown = unary(() => {
    heard("Shutdown");
    if (sidecar.failsToShutDown === true) throw new Error("not now");
    return {};
  });
  const server = makeServer();
  server.addService(info.InfoService, {
    info: unary(() => {
      heard("Info");
      return {
        name: sidecar.directory,
        hookPoints: [...sidecar.points],
        versions: [...(sidecar.versions ?? ["v1alpha3"])],
      };
    }),
  });
  const defines: typeof onDefineDomain = (call, done) =>
    void setTimeout(() => onDefineDomain(call, done), sidecar.answersAfter ?? 0);
  server.addService(hooksV1alpha1.CallbacksService, { onDefineDomain: defines });
  server.addService(hooksV1alpha2.CallbacksService, { onDefineDomain: defines, preCloudInitIso });
  server.addService(hooksV1alpha3.CallbacksService, { onDefineDomain: defines, preCloudInitIso, shutdown });
  mkdirSync(join(hooks, sidecar.directory), { recursive: true });
  const path = join(hooks, sidecar.directory, sidecar.socket);
  await listenUnix(server, path);
  // The launcher's user is another one than the test's.
  for (const one of [path, join(hooks, sidecar.directory)]) chmodSync(one, 0o777);
  return { [Symbol.dispose]: () => server.forceShutdown() };
}
