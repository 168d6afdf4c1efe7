import { BINDING_RULES } from "./bindings.ts";
import { CLAIM_RULES } from "./claims.ts";
import { DHCP_RULES } from "./dhcp.ts";
import { INEFFECTIVE_RULES } from "./ineffective.ts";
import { INTERFACE_RULES } from "./interfaces.ts";
import { NETWORK_RULES } from "./networks.ts";
import { OLD_BINDING_RULES } from "./old-bindings.ts";
import { PORT_RANGE_RULES, PORT_RULES } from "./ports.ts";
import { QUEUE_RULES } from "./queues.ts";
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
];
