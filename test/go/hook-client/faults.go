package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// fault is something that virt-launcher does beside what is documented of it.
type fault struct {
	What  string `json:"what"`
	Comes string `json:"comes"`
	Most  int    `json:"most"`
}

// faults is the table that this client and the host on one machine both play: core/pod/src/hooks/launcher-faults.json.
type faults map[string]fault

func readFaults(path string) (faults, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var table faults
	return table, json.Unmarshal(text, &table)
}

// of gives a fault that this client plays. One that is not in the table is a mistake of this program's.
func (f faults) of(id string) fault {
	found, known := f[id]
	if !known {
		panic(fmt.Sprintf("the table has no fault %q", id))
	}
	return found
}

// panicError is where virt-launcher panics.
type panicError struct{ fault, why string }

func (e *panicError) Error() string { return e.why }
