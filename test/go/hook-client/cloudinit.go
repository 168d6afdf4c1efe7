package main

import (
	"encoding/json"
	"fmt"
)

// cloudInitData is KubeVirt's JSON of cloud-init, as far as virt-launcher itself looks into it.
type cloudInitData struct {
	NoCloudMetaData     json.RawMessage
	ConfigDriveMetaData json.RawMessage
	UserData            string
	NetworkData         string
}

// legacy is the form before that one.
type legacy struct {
	UserData    string `json:"userData,omitempty"`
	NetworkData string `json:"networkData,omitempty"`
}

func (d cloudInitData) isValid() bool {
	has := func(meta json.RawMessage) bool { return len(meta) > 0 && string(meta) != "null" }
	return d.UserData != "" && has(d.NoCloudMetaData) != has(d.ConfigDriveMetaData)
}

// preCloudInitIso asks for every VMI, with data or without, and takes the first answer.
func preCloudInitIso(sidecars []sidecar, in input, table faults) error {
	for _, one := range sidecars {
		if !one.points["PreCloudInitIso"] || one.version == "v1alpha1" {
			continue
		}
		if len(in.CloudInit) == 0 {
			return &panicError{"nil-cloud-init", fmt.Sprintf("%s subscribes to PreCloudInitIso: %s", one.socket, table.of("nil-cloud-init").What)}
		}
		table.of("first-answer")
		var sent cloudInitData
		if err := json.Unmarshal(in.CloudInit, &sent); err != nil {
			return err
		}
		old, err := json.Marshal(legacy{sent.UserData, sent.NetworkData})
		if err != nil {
			return err
		}
		answer, err := call(one.socket, "/kubevirt.hooks."+one.version+".Callbacks/PreCloudInitIso", fields{1: {old}, 2: {in.VMI}, 3: {in.CloudInit}}, hookTime)
		if err != nil {
			return err
		}
		return reportCloudInit(one, sent, answer)
	}
	return nil
}

func reportCloudInit(one sidecar, sent cloudInitData, answer fields) error {
	var got cloudInitData
	if err := json.Unmarshal(answer.first(3), &got); err != nil || !got.isValid() {
		var old legacy
		if err := json.Unmarshal(answer.first(1), &old); err != nil {
			return fmt.Errorf("%s answered with no cloud-init data: %w", one.socket, err)
		}
		got = sent
		got.UserData, got.NetworkData = old.UserData, old.NetworkData
	}
	tell("cloudInit", map[string]any{"socket": one.socket, "userData": got.UserData, "networkData": got.NetworkData})
	return nil
}
