// Command hook-client drives a pod's hook sidecars as KubeVirt's virt-launcher does: it waits for their sockets, asks each
// who it is, lets them define a domain, and shuts them down. It is Netbind's own program on the gRPC library that
// virt-launcher uses; no code of KubeVirt is in it.
//
//	hook-client -hooks DIR -count N -timeout D [-shutdown] < {"domainXML": "...", "vmi": {...}}
//
// It prints an event a line, as JSON. Without a domainXML nothing is defined.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

type input struct {
	DomainXML string          `json:"domainXML"`
	VMI       json.RawMessage `json:"vmi"`
}

func main() {
	hooks := flag.String("hooks", "/var/run/kubevirt-hooks", "the directory with a directory for each sidecar")
	count := flag.Int("count", 1, "how many sidecars the pod has")
	timeout := flag.Duration("timeout", 4*time.Minute, "how long they have to show their sockets")
	shutdown := flag.Bool("shutdown", false, "shut the sidecars down at the end")
	flag.Parse()
	if err := drive(*hooks, *count, *timeout, *shutdown); err != nil {
		tell("failed", map[string]any{"why": err.Error()})
		os.Exit(1)
	}
}

func drive(hooks string, count int, timeout time.Duration, shutdown bool) error {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	sidecars, err := collect(hooks, count, timeout)
	if err != nil {
		return err
	}
	tell("complete", map[string]any{"count": len(sidecars)})
	if in.DomainXML != "" {
		if err := defineThrice(sidecars, in); err != nil {
			return err
		}
	}
	if shutdown {
		return shutDown(sidecars)
	}
	return nil
}

// tell prints an event.
func tell(event string, facts map[string]any) {
	facts["event"] = event
	if err := json.NewEncoder(os.Stdout).Encode(facts); err != nil {
		panic(err)
	}
}
