package main

import (
	"encoding/xml"
	"fmt"

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
	Backend   string `json:"backend,omitempty"`
	MTU       uint   `json:"mtu,omitempty"`
}

// defineThrice has the sidecars define a domain: as it is given, then what came of that, then the same after a reader that
// knows libvirt's schema read and printed it anew, as what libvirt gives back is.
func defineThrice(sidecars []sidecar, in input) error {
	xmlText := in.DomainXML
	for _, round := range []string{"given", "again", "reprinted"} {
		if round == "reprinted" {
			domain, err := read(xmlText)
			if err != nil {
				return err
			}
			printed, err := xml.MarshalIndent(domain, "", "\t")
			if err != nil {
				return err
			}
			xmlText = string(printed)
		}
		defined, err := define(sidecars, xmlText, in.VMI)
		if err != nil {
			return fmt.Errorf("define, %s: %w", round, err)
		}
		if err := report(round, xmlText, defined); err != nil {
			return err
		}
		xmlText = defined
	}
	return nil
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
		if source := one.Source; source != nil && source.VHostUser != nil {
			out.Type, out.SourceDev = "vhostuser", source.VHostUser.Dev
		} else if source != nil && source.Ethernet != nil {
			out.Type = "ethernet"
		}
		nics = append(nics, out)
	}
	return nics
}
