// Package clients proves that netlink libraries of others work on emulated
// namespaces. It is a module of its own, so that nobody who imports Rulewalk gets
// these libraries.
package clients
