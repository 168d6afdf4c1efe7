package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// timeCalls asks one socket to define a domain again and again, and tells the milliseconds of each call, its connection among
// them.
func timeCalls(socket string, calls int) error {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	request := fields{1: {[]byte(in.DomainXML)}, 2: {in.VMI}}
	times := make([]float64, 0, calls)
	for at := 0; at < calls; at++ {
		start := time.Now()
		if _, err := call(socket, "/kubevirt.hooks.v1alpha3.Callbacks/OnDefineDomain", request, hookTime); err != nil {
			return err
		}
		times = append(times, float64(time.Since(start).Microseconds())/1000)
	}
	tell("timed", map[string]any{"milliseconds": times})
	return nil
}
