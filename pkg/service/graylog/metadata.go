package graylog

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// speaks asks a server of MongoDB's protocol who it is. The first message of
// every client, isMaster by OP_QUERY, is answered by servers of every age.
func speaks(ctx context.Context, address string) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	if _, err := connection.Write(isMaster()); err != nil {
		return err
	}
	var header [16]byte
	if _, err := io.ReadFull(connection, header[:]); err != nil {
		return fmt.Errorf("no answer to isMaster: %w", err)
	}
	const reply = 1
	if code := binary.LittleEndian.Uint32(header[12:]); code != reply {
		return fmt.Errorf("the answer to isMaster is of kind %d", code)
	}
	return nil
}

// isMaster is the message, as the protocol's specification has it.
func isMaster() []byte {
	const query = 2004
	little := binary.LittleEndian
	document := append([]byte{0x10}, "isMaster\x00"...) // an int32 of that name
	document = append(little.AppendUint32(document, 1), 0)
	document = append(little.AppendUint32(nil, uint32(len(document)+4)), document...)

	body := little.AppendUint32(nil, 0) // flags
	body = append(body, "admin.$cmd\x00"...)
	body = little.AppendUint32(body, 0)          // to skip
	body = little.AppendUint32(body, 0xffffffff) // to return: one
	body = append(body, document...)

	message := little.AppendUint32(nil, uint32(len(body)+16))
	message = little.AppendUint32(message, 1) // request id
	message = little.AppendUint32(message, 0) // answer to
	message = little.AppendUint32(message, query)
	return append(message, body...)
}
