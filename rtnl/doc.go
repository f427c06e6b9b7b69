// Package rtnl turns rtnetlink messages into the types of package rpdb and back,
// and asks whoever answers such messages: the running kernel, an emulated one or a
// file. It opens no sockets; see [Transport].
//
// Every Parse function takes one RTM_NEW* or RTM_DEL* message. It never panics, and
// reports a malformed attribute as an error. What the model has no field for is
// kept in Extra as (type, bytes); the Encode functions write it back. Integers are
// in the byte order of the machine, as netlink has them.
//
// Attributes are written with netlink.AttributeEncoder. They are read with a reader
// of this package, which hands out parts of the message instead of a copy of each
// attribute: a table of a million routes holds some ten million of them.
package rtnl
