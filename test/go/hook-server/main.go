// Command hook-server is a hook sidecar as one is written in Go: a gRPC server that reads a domain by encoding/xml with
// libvirt's schema, changes its first interface, and prints it again. Netbind's sidecars are measured against it. With -echo
// it gives the domain back as it came: what is left is gRPC's and its caller's own time. It is Netbind's own program; no code
// of KubeVirt is in it.
//
//	hook-server [-echo] SOCKET
package main

import (
	"context"
	"encoding/xml"
	"flag"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"
	"libvirt.org/go/libvirtxml"
)

// domainXML is the field of the request, and of the answer, that has the domain.
const domainXML = protowire.Number(1)

// change is what a domain becomes.
var change = define

func main() {
	echo := flag.Bool("echo", false, "give the domain back as it came")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: hook-server [-echo] SOCKET")
		os.Exit(2)
	}
	if *echo {
		change = func(text []byte) ([]byte, error) { return text, nil }
	}
	if err := serve(flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(socket string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "kubevirt.hooks.v1alpha3.Callbacks",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "OnDefineDomain", Handler: onDefineDomain}},
	}, struct{}{})
	return server.Serve(listener)
}

// onDefineDomain's messages travel by gRPC's ordinary protobuf codec: one without known fields carries them all as unknown ones.
func onDefineDomain(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	asked, answer := &emptypb.Empty{}, &emptypb.Empty{}
	if err := decode(asked); err != nil {
		return nil, err
	}
	text, err := fieldOf(asked.ProtoReflect().GetUnknown(), domainXML)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	defined, err := change(text)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	out := protowire.AppendTag(nil, domainXML, protowire.BytesType)
	answer.ProtoReflect().SetUnknown(protowire.AppendBytes(out, defined))
	return answer, nil
}

func fieldOf(message []byte, wanted protowire.Number) ([]byte, error) {
	for len(message) > 0 {
		number, kind, length := protowire.ConsumeTag(message)
		if length < 0 {
			return nil, protowire.ParseError(length)
		}
		message = message[length:]
		if number == wanted && kind == protowire.BytesType {
			value, size := protowire.ConsumeBytes(message)
			if size < 0 {
				return nil, protowire.ParseError(size)
			}
			return value, nil
		}
		size := protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		message = message[size:]
	}
	return nil, fmt.Errorf("field %d is missing", wanted)
}

func define(text []byte) ([]byte, error) {
	var domain libvirtxml.Domain
	if err := xml.Unmarshal(text, &domain); err != nil {
		return nil, err
	}
	if domain.Devices != nil && len(domain.Devices.Interfaces) > 0 {
		domain.Devices.Interfaces[0].Backend = &libvirtxml.DomainInterfaceBackend{Type: "passt"}
	}
	return xml.Marshal(&domain)
}
