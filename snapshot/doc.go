// Package snapshot reads the routing state of a host from files: the project's
// own archive, the output of ip as text or JSON, sosreport and supportconfig
// trees and tarballs, the files of ip route, rule and addr save, and sysctl -a.
//
// [Open] recognises a file by its content, merges several into one state, and
// says what they do not tell: nothing that is missing or not understood is passed
// over in silence, it becomes a [Warning] and, for whole kinds of state,
// [rpdb.State.Missing].
//
// Files are taken to be hostile. What is read is bounded by [Options], no path
// inside a tarball or tree is followed out of it, and a damaged file gives an
// error that names it.
package snapshot
