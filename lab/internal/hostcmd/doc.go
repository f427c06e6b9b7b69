// Package hostcmd holds the commands of an emulated host: nc, ping, tcpdump and their
// like, as functions that run in the process of its world. They take the options of
// the Linux commands, print what those print and exit with their status.
package hostcmd
