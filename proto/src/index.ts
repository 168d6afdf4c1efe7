/** The wire of the binding contract and of KubeVirt's hooks. */
export * as info from "./gen/kubevirt/hooks/info/info.ts";
export * as hooksV1alpha1 from "./gen/kubevirt/hooks/v1alpha1/api.ts";
export * as hooksV1alpha2 from "./gen/kubevirt/hooks/v1alpha2/api.ts";
export * as hooksV1alpha3 from "./gen/kubevirt/hooks/v1alpha3/api.ts";
export * as binding from "./gen/netbind/v1alpha1/binding.ts";
export * as sidecar from "./gen/netbind/v1alpha1/sidecar.ts";
