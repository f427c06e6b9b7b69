// Package iproute2 is the language of the ip command: the text and the JSON that
// it prints for rules, routes, addresses, links, nexthops and neighbours, the
// readers of both, and the grammar of its arguments.
//
// Printers follow iproute2 7.1 to the byte, trailing spaces included. Readers
// accept what any version prints. The reference is iproute2's source and recorded
// transcripts (testdata).
//
// Nothing in this package opens a socket; names of devices come from a LinkNames,
// names of tables and protocols from a Names.
package iproute2
