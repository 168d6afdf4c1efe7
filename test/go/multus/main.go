// The CNI plugin multus as a program of its own: the node's runtime calls it for every pod, and it calls the plugins of
// all networks that a pod has.
package main

import (
	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/version"
	"gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/multus"
)

// add attaches a pod, and prints what became of its first network, as CNI has it.
func add(args *skel.CmdArgs) error {
	result, err := multus.CmdAdd(args, nil, nil)
	if err != nil {
		return err
	}
	return result.Print()
}

func main() {
	skel.PluginMainFuncs(skel.CNIFuncs{
		Add:    add,
		Del:    func(args *skel.CmdArgs) error { return multus.CmdDel(args, nil, nil) },
		Check:  func(args *skel.CmdArgs) error { return multus.CmdCheck(args, nil, nil) },
		GC:     func(args *skel.CmdArgs) error { return multus.CmdGC(args, nil, nil) },
		Status: func(args *skel.CmdArgs) error { return multus.CmdStatus(args, nil, nil) },
	}, version.All, "multus, built for a test cluster")
}
