// Package ipcmd is the ip command: its options, its objects with their commands,
// batches, texts and exit statuses, over anything that answers rtnetlink. The
// running kernel, an emulated namespace and a snapshot serve it alike.
//
// Data goes to Tool.Out, remarks and refusals go to Tool.Err, both to the byte as
// iproute2 writes them. The reference is recorded transcripts (testdata) and, in
// the tests, the installed tool itself.
//
// A command works as iproute2's do_* functions do: a cursor over the words (call),
// a request built of attributes (request), the answers printed by the printers of
// package iproute2.
package ipcmd
