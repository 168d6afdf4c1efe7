package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"

	"libvirt.org/go/libvirtxml"
)

// nic is an interface as libvirt's schema reads it.
type nic struct {
	Alias     string `json:"alias"`
	Type      string `json:"type"`
	MAC       string `json:"mac"`
	Model     string `json:"model"`
	Target    string `json:"target,omitempty"`
	Managed   string `json:"managed,omitempty"`
	SourceDev string `json:"sourceDev,omitempty"`
	Path      string `json:"path,omitempty"`
	Mode      string `json:"mode,omitempty"`
	Queues    uint   `json:"queues,omitempty"`
	Backend   string `json:"backend,omitempty"`
	MTU       uint   `json:"mtu,omitempty"`
}

// defineAll has the sidecars define a domain as often as the launcher does.
func defineAll(sidecars []sidecar, in input, table faults) error {
	if in.Target {
		_, err := defineOnce(sidecars, "target", in.DomainXML, in.VMI)
		return err
	}
	return defineThrice(sidecars, in, table)
}

// defineThrice has the sidecars define a domain as at boot: with placeholders for interfaces, which is given up again; as it is
// given; and what came of that, after a reader that knows libvirt's schema read and printed it, as what libvirt gives back is.
func defineThrice(sidecars []sidecar, in input, table faults) error {
	placeholders, err := countPlaceholders(in.VMI, table)
	if err != nil {
		return err
	}
	if _, err := defineOnce(sidecars, "placeholders", withPlaceholders(in.DomainXML, placeholders), in.VMI); err != nil {
		return err
	}
	defined, err := defineOnce(sidecars, "plain", in.DomainXML, in.VMI)
	if err != nil {
		return err
	}
	domain, err := read(defined)
	if err != nil {
		return err
	}
	printed, err := xml.MarshalIndent(domain, "", "\t")
	if err != nil {
		return err
	}
	_, err = defineOnce(sidecars, "reprinted", string(printed), in.VMI)
	return err
}

func defineOnce(sidecars []sidecar, round, domain string, vmi []byte) (string, error) {
	defined, err := define(sidecars, domain, vmi)
	if err != nil {
		return "", fmt.Errorf("define, %s: %w", round, err)
	}
	return defined, report(round, domain, defined)
}

// countPlaceholders is how many interfaces a VMI lacks of those that places are kept for; one without any gets none.
func countPlaceholders(vmi []byte, table faults) (int, error) {
	var has struct {
		Spec struct {
			Domain struct {
				Devices struct {
					Interfaces []struct {
						State string `json:"state"`
					} `json:"interfaces"`
				} `json:"devices"`
			} `json:"domain"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(vmi, &has); err != nil {
		return 0, err
	}
	count := 0
	for _, one := range has.Spec.Domain.Devices.Interfaces {
		if one.State != "absent" {
			count++
		}
	}
	if most := table.of("placeholders").Most; count > 0 && count < most {
		return most - count, nil
	}
	return 0, nil
}

const placeholder = `    <interface type="ethernet">
      <source></source>
      <target dev="placeholder-%[1]d" managed="no"></target>
      <model type="virtio-non-transitional"></model>
      <alias name="placeholder-%[1]d"></alias>
    </interface>
`

// withPlaceholders puts them behind the interfaces, as KubeVirt's converter does.
func withPlaceholders(domain string, count int) string {
	added := ""
	for at := 0; at < count; at++ {
		added += fmt.Sprintf(placeholder, at)
	}
	for _, before := range []string{"</interface>\n", "<devices>\n"} {
		if at := strings.LastIndex(domain, before); at >= 0 {
			return domain[:at+len(before)] + added + domain[at+len(before):]
		}
	}
	return domain
}

// define hands a domain from sidecar to sidecar.
func define(sidecars []sidecar, domain string, vmi []byte) (string, error) {
	for _, one := range sidecars {
		if !one.points["OnDefineDomain"] {
			continue
		}
		method := "/kubevirt.hooks." + one.version + ".Callbacks/OnDefineDomain"
		answer, err := call(one.socket, method, fields{1: {[]byte(domain)}, 2: {vmi}}, hookTime)
		if err != nil {
			return "", err
		}
		domain = string(answer.first(1))
	}
	return domain, nil
}

func read(text string) (*libvirtxml.Domain, error) {
	domain := &libvirtxml.Domain{}
	return domain, domain.Unmarshal(text)
}

// report tells what a reader that knows libvirt's schema makes of a domain.
func report(round, sent, got string) error {
	domain, err := read(got)
	if err != nil {
		return fmt.Errorf("libvirt's schema does not read the %s domain: %w", round, err)
	}
	facts := map[string]any{"round": round, "sent": sent, "xml": got, "interfaces": nicsOf(domain), "qemuArgs": argsOf(domain)}
	if backing := domain.MemoryBacking; backing != nil && backing.MemoryAccess != nil && backing.MemorySource != nil {
		facts["memory"] = backing.MemorySource.Type + " " + backing.MemoryAccess.Mode
	}
	tell("defined", facts)
	return nil
}

func argsOf(domain *libvirtxml.Domain) []string {
	args := []string{}
	if domain.QEMUCommandline != nil {
		for _, arg := range domain.QEMUCommandline.Args {
			args = append(args, arg.Value)
		}
	}
	return args
}

func nicsOf(domain *libvirtxml.Domain) []nic {
	nics := []nic{}
	if domain.Devices == nil {
		return nics
	}
	for _, one := range domain.Devices.Interfaces {
		out := nic{}
		if one.Alias != nil {
			out.Alias = one.Alias.Name
		}
		if one.MAC != nil {
			out.MAC = one.MAC.Address
		}
		if one.Model != nil {
			out.Model = one.Model.Type
		}
		if one.Target != nil {
			out.Target, out.Managed = one.Target.Dev, one.Target.Managed
		}
		if one.MTU != nil {
			out.MTU = one.MTU.Size
		}
		if one.Backend != nil {
			out.Backend = one.Backend.Type
		}
		if one.Driver != nil {
			out.Queues = one.Driver.Queues
		}
		if source := one.Source; source != nil && source.VHostUser != nil {
			out.Type, out.SourceDev = "vhostuser", source.VHostUser.Dev
			if socket := source.VHostUser.Chardev; socket != nil && socket.UNIX != nil {
				out.Path, out.Mode = socket.UNIX.Path, socket.UNIX.Mode
			}
		} else if source != nil && source.VDPA != nil {
			out.Type, out.SourceDev = "vdpa", source.VDPA.Device
		} else if source != nil && source.Ethernet != nil {
			out.Type = "ethernet"
		}
		nics = append(nics, out)
	}
	return nics
}
