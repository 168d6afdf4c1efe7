/** Serves a device plugin to the kubelet of a node, in the node's namespaces. */
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  credentials,
  type handleServerStreamingCall,
  type handleUnaryCall,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { load } from "@grpc/proto-loader";

/** Directory of the kubelet's own socket and of its plugins'. */
const DIRECTORY = "/var/lib/kubelet/device-plugins";

/** A device file that a container gets. */
export interface DeviceFile {
  readonly container_path: string;
  readonly host_path: string;
  readonly permissions: "mrw";
}

/** What a container gets with its devices. */
export interface Allocation {
  readonly devices: readonly DeviceFile[];
  readonly envs?: Readonly<Record<string, string>>;
}

/** A resource, and the devices of it. */
export interface DevicePlugin {
  readonly resource: string;
  readonly ids: readonly string[];
  /** What a container gets that was given these. */
  readonly allocate: (ids: readonly string[]) => Allocation;
}

interface AllocateRequest {
  readonly container_requests: readonly { readonly devices_ids: readonly string[] }[];
}
/** The client of the kubelet's service. */
type Registration = InstanceType<ServiceClientConstructor> & {
  Register(request: object, answered: (error: Error | null) => void): void;
};

/** Serves the plugin, and tells the kubelet. */
export async function serveDevicePlugin({ resource, ids, allocate }: DevicePlugin): Promise<void> {
  const endpoint = `netbind-test-${resource.replaceAll(/\W/g, "-")}.sock`;
  const definition = await load(fileURLToPath(new URL("device-plugin.proto", import.meta.url)), { keepCase: true });
  const { v1beta1 } = loadPackageDefinition(definition) as unknown as {
    readonly v1beta1: Readonly<Record<"Registration" | "DevicePlugin", ServiceClientConstructor>>;
  };
  const server = new Server();
  server.addService(v1beta1.DevicePlugin.service, {
    GetDevicePluginOptions: ((_, answer) => answer(null, {})) satisfies handleUnaryCall<object, object>,
    ListAndWatch: ((call) => {
      call.write({ devices: ids.map((id) => ({ id, health: "Healthy" })) });
    }) satisfies handleServerStreamingCall<object, object>,
    Allocate: (({ request }, answer) => {
      answer(null, { container_responses: request.container_requests.map(({ devices_ids }) => allocate(devices_ids)) });
    }) satisfies handleUnaryCall<AllocateRequest, object>,
  });
  rmSync(`${DIRECTORY}/${endpoint}`, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${DIRECTORY}/${endpoint}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  const kubelet = new v1beta1.Registration(
    `unix:${DIRECTORY}/kubelet.sock`,
    credentials.createInsecure(),
  ) as Registration;
  await new Promise<void>((resolve, reject) => {
    kubelet.Register({ version: "v1beta1", endpoint, resource_name: resource }, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}
