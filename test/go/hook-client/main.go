// Command hook-client drives a pod's hook sidecars as KubeVirt's virt-launcher does: it waits for their sockets, asks each
// who it is, hands them cloud-init's data, lets them define a domain, and shuts them down - with the faults of the table that
// it is given. It is Netbind's own program on the gRPC library that virt-launcher uses; no code of KubeVirt is in it.
//
//	hook-client -hooks DIR -count N -timeout D -faults FILE [-shutdown] < {"domainXML": "...", "vmi": {...}, "cloudInit": {...}}
//	hook-client -socket SOCKET -calls N < {"domainXML": "...", "vmi": {...}}
//
// It prints an event a line, as JSON. Without a domainXML no VM is started; without cloudInit its VMI has no such volume.
// It exits with 2 where virt-launcher panics.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

type input struct {
	DomainXML string          `json:"domainXML"`
	// Target is true where the guest is to come from elsewhere: its domain is asked for once, and given up.
	Target    bool            `json:"target"`
	VMI       json.RawMessage `json:"vmi"`
	CloudInit json.RawMessage `json:"cloudInit"`
}

func main() {
	hooks := flag.String("hooks", "/var/run/kubevirt-hooks", "the directory with a directory for each sidecar")
	count := flag.Int("count", 1, "how many sidecars the pod has")
	timeout := flag.Duration("timeout", 4*time.Minute, "how long they have to show their sockets")
	file := flag.String("faults", "", "the table of virt-launcher's faults")
	socket := flag.String("socket", "", "the socket whose calls are timed, in place of all that")
	calls := flag.Int("calls", 1, "how many calls are timed")
	shutdown := flag.Bool("shutdown", false, "shut the sidecars down at the end")
	flag.Parse()
	if *socket != "" {
		if err := timeCalls(*socket, *calls); err != nil {
			tell("failed", map[string]any{"why": err.Error()})
			os.Exit(1)
		}
		return
	}
	table, err := readFaults(*file)
	if err == nil {
		err = drive(*hooks, *count, *timeout, *shutdown, table)
	}
	var panicked *panicError
	if errors.As(err, &panicked) {
		tell("panicked", map[string]any{"fault": panicked.fault, "why": panicked.why})
		os.Exit(2)
	}
	if err != nil {
		tell("failed", map[string]any{"why": err.Error()})
		os.Exit(1)
	}
}

func drive(hooks string, count int, timeout time.Duration, shutdown bool, table faults) error {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	sidecars, err := collect(hooks, count, timeout, table)
	if err != nil {
		return err
	}
	tell("complete", map[string]any{"count": len(sidecars)})
	if in.DomainXML != "" {
		if err := preCloudInitIso(sidecars, in, table); err != nil {
			return err
		}
		if err := defineAll(sidecars, in, table); err != nil {
			return err
		}
	}
	if shutdown {
		shutDown(sidecars)
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
