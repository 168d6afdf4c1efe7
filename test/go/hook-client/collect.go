package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const tick = 300 * time.Millisecond

// versions are those of the hooks that virt-launcher speaks, the one that it likes best first.
var versions = []string{"v1alpha3", "v1alpha2", "v1alpha1"}

// sidecar is one that answered.
type sidecar struct {
	socket, version string
	points          map[string]bool
}

// collect waits until count sockets have answered, in the order in which they are found: the faults base-names, stray-files
// and no-priorities.
func collect(hooks string, count int, timeout time.Duration, table faults) ([]sidecar, error) {
	start := time.Now()
	var found []sidecar
	seen := map[string]string{}
	for {
		paths, err := candidates(hooks)
		if err != nil {
			return nil, err
		}
		clash := ""
		for _, path := range paths {
			if socket, known := seen[filepath.Base(path)]; known {
				if socket != path {
					clash = path
				}
				continue
			}
			one, err := ask(path, start)
			if errors.Is(err, errNotReady) {
				tell("notReady", map[string]any{"socket": path})
				continue
			}
			if err != nil {
				return nil, err
			}
			seen[filepath.Base(path)] = path
			found = append(found, one)
		}
		if len(seen) >= count {
			return found, nil
		}
		if time.Since(start) > timeout {
			why := fmt.Sprintf("%d of %d sidecars were collected in %s", len(seen), count, timeout)
			if clash == "" {
				return nil, errors.New(why)
			}
			return nil, &panicError{"base-names", fmt.Sprintf("%s, without %s: %s", why, clash, table.of("base-names").What)}
		}
		time.Sleep(tick)
	}
}

// candidates are the files in each sidecar's directory, in the order of their names; deeper directories are not looked into.
func candidates(hooks string) ([]string, error) {
	containers, err := os.ReadDir(hooks)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, container := range containers {
		if !container.IsDir() {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(hooks, container.Name()))
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if !entry.IsDir() {
				paths = append(paths, filepath.Join(hooks, container.Name(), entry.Name()))
			}
		}
	}
	return paths, nil
}

// ask has a sidecar say who it is.
func ask(socket string, start time.Time) (sidecar, error) {
	info, err := call(socket, "/kubevirt.hooks.info.Info/Info", fields{}, infoTime)
	if err != nil {
		return sidecar{}, err
	}
	exposed := map[string]bool{}
	for _, version := range info[4] {
		exposed[string(version)] = true
	}
	one := sidecar{socket: socket, points: map[string]bool{}}
	var points []string
	for _, message := range info[3] {
		point, err := decode(message)
		if err != nil {
			return sidecar{}, err
		}
		points = append(points, string(point.first(1)))
		one.points[string(point.first(1))] = true
	}
	for _, version := range versions {
		if exposed[version] {
			one.version = version
			tell("collected", map[string]any{
				"socket": socket, "name": string(info.first(1)), "version": version, "points": points, "afterMs": time.Since(start).Milliseconds(),
			})
			return one, nil
		}
	}
	return sidecar{}, fmt.Errorf("%s speaks none of %v", socket, versions)
}

// shutDown tells subscribers of v1alpha3 until one fails, which virt-launcher does not look at: the fault shutdown-ends.
func shutDown(sidecars []sidecar) {
	for _, one := range sidecars {
		if !one.points["Shutdown"] || one.version != "v1alpha3" {
			continue
		}
		if _, err := call(one.socket, "/kubevirt.hooks.v1alpha3.Callbacks/Shutdown", fields{}, hookTime); err != nil {
			tell("shutdownFailed", map[string]any{"socket": one.socket, "why": err.Error()})
			return
		}
		tell("shutdown", map[string]any{"socket": one.socket})
	}
}
