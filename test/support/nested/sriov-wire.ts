import type { NestedMachine } from "./nested-machine.ts";

/**
 * The NIC's four virtual functions, the first one with its driver, and a host outside on its wire that gives addresses and
 * knows VLAN 100.
 */
const WIRE = `
  linkOf() { for link in /sys/class/net/*; do [ "$(cat $link/address)" = "$1" ] && basename $link; done; }
  ip link set "$(linkOf 02:00:00:00:00:01)" name pf0
  ip link set "$(linkOf 02:00:00:00:00:99)" name wire
  ip link set pf0 up
  modprobe igbvf
  echo 0 > /sys/class/net/pf0/device/sriov_drivers_autoprobe
  echo 4 > /sys/class/net/pf0/device/sriov_numvfs
  echo 1 > /sys/class/net/pf0/device/sriov_drivers_autoprobe
  ip link set dev pf0 vf 0 mac 02:00:00:00:00:10
  echo 0000:01:10.0 > /sys/bus/pci/drivers/igbvf/bind
  modprobe 8021q
  ip netns add outside
  ip link set wire netns outside
  ip -n outside link set lo up
  ip -n outside addr add 192.0.2.1/24 dev wire
  ip -n outside link set wire up
  ip -n outside link add link wire name wire.100 type vlan id 100
  ip -n outside addr add 198.51.100.1/24 dev wire.100
  ip -n outside link set wire.100 up
  ip netns exec outside dnsmasq --conf-file=/dev/null --port=0 --interface=wire --bind-interfaces --no-ping \\
    --dhcp-range=192.0.2.50,192.0.2.60,1h --dhcp-leasefile=/tmp/outside.leases --pid-file=/tmp/outside.pid \\
    --log-facility=/tmp/outside.log --log-dhcp`;

/** Sets the NIC and the host outside up. */
export const setUpWire = (machine: NestedMachine): Promise<string> => machine.sh(WIRE);
