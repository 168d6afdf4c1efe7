// Reads SPDX documents as JSON with SPDX's own library, refuses what does not fit SPDX 2.3, and prints each one's packages.
//
//	spdx-check FILE...
package main

import (
	"encoding/json"
	"fmt"
	"os"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdxlib"
)

// pkg is a package of a document, as it is printed.
type pkg struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	License string   `json:"license"`
	Purls   []string `json:"purls"`
}

// packages reads a document whole: every element that a relationship names must be in it.
func packages(file string) ([]pkg, error) {
	reader, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	document, err := spdxjson.Read(reader)
	if err != nil {
		return nil, err
	}
	if document.SPDXVersion != spdx.Version || document.DocumentNamespace == "" || document.CreationInfo == nil {
		return nil, fmt.Errorf("%s: not a document of %s with a namespace and a creation", file, spdx.Version)
	}
	if err := spdxlib.ValidateDocument(document); err != nil {
		return nil, err
	}
	var found []pkg
	for _, one := range document.Packages {
		var purls []string
		for _, reference := range one.PackageExternalReferences {
			if reference.RefType == "purl" {
				purls = append(purls, reference.Locator)
			}
		}
		found = append(found, pkg{one.PackageName, one.PackageVersion, one.PackageLicenseDeclared, purls})
	}
	return found, nil
}

func main() {
	all := map[string][]pkg{}
	for _, file := range os.Args[1:] {
		found, err := packages(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		all[file] = found
	}
	json.NewEncoder(os.Stdout).Encode(all)
}
