import type {
  BindingRegistration,
  KubevirtConfiguration,
  Vmi,
  VmiInterface,
  VmiNetwork,
  VmiStatusInterface,
} from "./api.ts";

/** What has a VMI's specification: a VMI, or the template of a VM, whose devices may be left out. */
type WithSpec = Pick<Vmi, "spec">;

/** The interfaces of a VMI, in its order (`spec.domain.devices.interfaces`); empty where it has no such list. */
export const interfacesOf = ({ spec }: WithSpec): readonly VmiInterface[] => spec.domain.devices?.interfaces ?? [];

/** The networks of a VMI, in its order (`spec.networks`); empty where it has no such list. */
export const networksOf = ({ spec }: WithSpec): readonly VmiNetwork[] => spec.networks ?? [];

/** The first interface of a logical name; undefined where there is none. */
export const interfaceOf = (vmi: WithSpec, name: string | undefined): VmiInterface | undefined =>
  interfacesOf(vmi).find((nic) => nic.name === name);

/** The first network of a logical name, which is its interface's name too; undefined where there is none. */
export const networkOf = (vmi: WithSpec, name: string): VmiNetwork | undefined =>
  networksOf(vmi).find((network) => network.name === name);

/** The first entry of a logical name in `status.interfaces`; undefined where nothing reported the NIC. */
export const interfaceStatusOf = ({ status }: Pick<Vmi, "status">, name: string): VmiStatusInterface | undefined =>
  status?.interfaces?.find((entry) => entry.name === name);

/** The KubeVirt CR's registrations of binding plugins (`spec.configuration.network.binding`), by registered name. */
export const registrationsOf = ({ network }: KubevirtConfiguration): Readonly<Record<string, BindingRegistration>> =>
  network?.binding ?? {};

/**
 * The KubeVirt CR's registration of a binding plugin, by its registered name.
 * Undefined where the plugin is not registered, and where no name is given: of an interface without a plugin.
 */
export function registrationOf(
  configuration: KubevirtConfiguration,
  name: string | undefined,
): BindingRegistration | undefined {
  const registrations = registrationsOf(configuration);
  return name !== undefined && Object.hasOwn(registrations, name) ? registrations[name] : undefined;
}

/** A VMI with other interfaces, and with other networks where they are given. */
export function withInterfaces<V extends WithSpec>(
  vmi: V,
  interfaces: readonly VmiInterface[],
  networks: readonly VmiNetwork[] | undefined = vmi.spec.networks,
): V {
  const { domain } = vmi.spec;
  const spec = { ...vmi.spec, domain: { ...domain, devices: { ...domain.devices, interfaces } } };
  return { ...vmi, spec: networks === undefined ? spec : { ...spec, networks } };
}

/** The namespace of an object that names none, where nothing says another. */
export const DEFAULT_NAMESPACE = "default";

/** Where a VMI lists its networks: a field's path begins with it. */
export const NETWORKS_PATH = "spec.networks";
/** Where a VMI lists its interfaces. */
export const INTERFACES_PATH = "spec.domain.devices.interfaces";
