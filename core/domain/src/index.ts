export {
  COMMON_MACHINE,
  hostDevice,
  type Machine,
  nicDomain,
  type NicDomain,
  tapDomain,
  tapInterface,
} from "./device.ts";
export { diffDomainNics } from "./diff-domain-nics.ts";
export { type DomainNic, domainNics, withoutNic } from "./domain-nics.ts";
export { LIBVIRT_DIRECTORIES, libvirtVersionOf } from "./libvirt-version.ts";
export { type PasstPlan, requirePasst } from "./passt.ts";
export { isServedByPasst, passtSockets, type PortRange } from "./passt-sockets.ts";
export { patchDomain, patchDomains, type PlannedDevice, writeTapInterface } from "./patch.ts";
export { isSocketName, isVdpaDevice, plannedDevice } from "./planned-device.ts";
export { printElement, type XmlElement } from "./print.ts";
export { scanXml } from "./scan.ts";
export { tapOf } from "./tap-of.ts";
export { childOf, type XmlNode } from "./xml-node.ts";
