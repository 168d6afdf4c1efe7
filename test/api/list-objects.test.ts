/** Lists of a real API server in pages. */
import { ApiClient, ApiError, listObjects, VMIS } from "@netbind/kube";
import { expect, test } from "vitest";
import { connectionOf } from "../support/cluster/api-connection.ts";
import { clusterVmi } from "../support/cluster/cluster-vmi.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";
import { writeObject } from "../support/cluster/write-object.ts";

test("more objects than one page are all listed, once each, and what is read of each is chosen", async () => {
  const api = useApiServer();
  await using namespace = await api.makeNamespace();
  const names = Array.from({ length: 7 }, (_, at) => `vm-${at}`);
  for (const name of names)
    await writeObject(api, clusterVmi({ name, namespace: namespace.name, nic: { masquerade: {} } }));
  using client = new ApiClient(connectionOf(api.credentials));
  const request = { resource: VMIS, namespace: namespace.name, page: 3 };
  expect(await listObjects(client, { ...request, read: ({ metadata }) => metadata.name })).toEqual(names);
  const some = await listObjects(client, {
    ...{ ...request, read: ({ metadata }) => (metadata.name < "vm-2" ? metadata.name : undefined) },
  });
  expect(some).toEqual(["vm-0", "vm-1"]);
  const named = {
    ...request,
    fieldSelector: "metadata.name=vm-6",
    read: ({ metadata }: { metadata: object }) => metadata,
  };
  expect(await listObjects(client, named)).toMatchObject([{ name: "vm-6" }]);
  const unserved = { ...request, resource: { ...VMIS, plural: "nothings" }, read: () => 1 };
  await expect(listObjects(client, unserved)).rejects.toThrow(ApiError);
});
