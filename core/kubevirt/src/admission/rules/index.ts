import { BINDING_RULES } from "./bindings.ts";
import { CLAIM_RULES } from "./claims.ts";
import { DEVICE_RULES } from "./devices.ts";
import { DHCP_RULES } from "./dhcp.ts";
import { GUEST_NETWORK_RULES } from "./guest-network.ts";
import { INEFFECTIVE_RULES } from "./ineffective.ts";
import { INTERFACE_RULES } from "./interfaces.ts";
import { IPAM_RULES } from "./ipam.ts";
import { MAC_ON_NETWORK_RULES } from "./mac-on-network.ts";
import { MULTIQUEUE_RULES } from "./multiqueue.ts";
import { NETWORK_RULES } from "./networks.ts";
import { OLD_BINDING_RULES } from "./old-bindings.ts";
import { POD_METADATA_RULES } from "./pod-metadata.ts";
import { PORT_RANGE_RULES, PORT_RULES } from "./ports.ts";
import { QUEUE_RULES } from "./queues.ts";
import { REACHED_PORT_RULES } from "./reached-ports.ts";
import { REGISTRATION_RULES } from "./registrations.ts";
import type { Rule } from "./rule.ts";
import { UNUSABLE_RULES } from "./unusable.ts";
import { VM_RULES } from "./vm.ts";
import { VOLUME_RULES } from "./volumes.ts";

/** Every rule about a VM's networks and interfaces, in the order in which they are reported. */
export const RULES: readonly Rule[] = [
  ...VM_RULES,
  ...VOLUME_RULES,
  ...NETWORK_RULES,
  ...BINDING_RULES,
  ...OLD_BINDING_RULES,
  ...CLAIM_RULES,
  ...INTERFACE_RULES,
  ...PORT_RULES,
  ...PORT_RANGE_RULES,
  ...DHCP_RULES,
  ...UNUSABLE_RULES,
  ...REGISTRATION_RULES,
  ...INEFFECTIVE_RULES,
  ...QUEUE_RULES,
  ...MULTIQUEUE_RULES,
  ...DEVICE_RULES,
  ...IPAM_RULES,
  ...MAC_ON_NETWORK_RULES,
  ...REACHED_PORT_RULES,
  ...GUEST_NETWORK_RULES,
  ...POD_METADATA_RULES,
];
