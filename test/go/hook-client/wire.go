package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	connectTime = 2 * time.Second
	infoTime    = time.Second
	hookTime    = time.Minute
)

// errNotReady is what a socket gives that nobody accepts on yet.
var errNotReady = errors.New("not ready")

// fields are the length-delimited fields of a message, by number: the hooks' messages have little else.
type fields map[protowire.Number][][]byte

func (f fields) first(number protowire.Number) []byte {
	if len(f[number]) == 0 {
		return nil
	}
	return f[number][0]
}

func encode(f fields) []byte {
	var out []byte
	for number, values := range f {
		for _, value := range values {
			out = protowire.AppendTag(out, number, protowire.BytesType)
			out = protowire.AppendBytes(out, value)
		}
	}
	return out
}

// decode reads a message. Numbers, such as a priority, are left out.
func decode(message []byte) (fields, error) {
	out := fields{}
	for len(message) > 0 {
		number, kind, length := protowire.ConsumeTag(message)
		if length < 0 {
			return nil, protowire.ParseError(length)
		}
		message = message[length:]
		if kind == protowire.BytesType {
			if value, size := protowire.ConsumeBytes(message); size >= 0 {
				out[number] = append(out[number], value)
			}
		}
		size := protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		message = message[size:]
	}
	return out, nil
}

// call makes one call over a connection of its own, as virt-launcher does. The messages travel by gRPC's ordinary protobuf
// codec: a message without known fields carries them all as unknown ones.
func call(socket, method string, request fields, limit time.Duration) (fields, error) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	conn, err := grpc.DialContext(ctx, socket,
		grpc.WithAuthority("localhost"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, path string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}),
		grpc.WithBlock(),
	)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %v", errNotReady, socket, err)
	}
	defer conn.Close()
	asked, answered := &emptypb.Empty{}, &emptypb.Empty{}
	asked.ProtoReflect().SetUnknown(encode(request))
	callCtx, end := context.WithTimeout(context.Background(), limit)
	defer end()
	if err := conn.Invoke(callCtx, method, asked, answered); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", socket, method, err)
	}
	return decode(answered.ProtoReflect().GetUnknown())
}
