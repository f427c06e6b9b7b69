// Package testns makes network namespaces for tests and for programs that measure
// against the running kernel. It works as root, and without root inside a user
// namespace, for which the process has to run itself again: call [Main] from
// TestMain, or [Rerun] first thing in main. Only Linux has it.
//
// Nothing has to be cleaned up in the file system: a namespace lives as long as its
// [NS] is open.
package testns
