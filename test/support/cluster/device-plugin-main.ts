/**
 * A device plugin of one device file, as virt-handler has one for /dev/net/tun: `node device-plugin-main.ts RESOURCE FILE`,
 * in a node's namespaces. A container that asks for the resource gets the file.
 */
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
/** A file can be had by so many at once, as virt-handler says. */
const COUNT = 1000;

interface AllocateRequest {
  readonly container_requests: readonly { readonly devices_ids: readonly string[] }[];
}
/** The client of the kubelet's service. */
type Registration = InstanceType<ServiceClientConstructor> & {
  Register(request: object, answered: (error: Error | null) => void): void;
};

const [resource = "", file = ""] = process.argv.slice(2);
const endpoint = `netbind-test-${resource.replaceAll(/\W/g, "-")}.sock`;
const definition = await load(fileURLToPath(new URL("device-plugin.proto", import.meta.url)), { keepCase: true });
const { v1beta1 } = loadPackageDefinition(definition) as unknown as {
  readonly v1beta1: Readonly<Record<"Registration" | "DevicePlugin", ServiceClientConstructor>>;
};

const server = new Server();
server.addService(v1beta1.DevicePlugin.service, {
  GetDevicePluginOptions: ((_, answer) => answer(null, {})) satisfies handleUnaryCall<object, object>,
  ListAndWatch: ((call) => {
    call.write({ devices: Array.from({ length: COUNT }, (_, at) => ({ id: `${at}`, health: "Healthy" })) });
  }) satisfies handleServerStreamingCall<object, object>,
  Allocate: (({ request }, answer) => {
    const devices = [{ container_path: file, host_path: file, permissions: "mrw" }];
    answer(null, { container_responses: request.container_requests.map(() => ({ devices })) });
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
console.log("registered");
