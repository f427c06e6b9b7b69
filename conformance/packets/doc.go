// Package packets compares the packets of the emulated hosts of package lab with those of
// the running kernel: the same topology is built twice, in network namespaces joined by
// veth pairs and in a lab, the same probes are sent in both, and the frames at every
// device, and the errors of the senders, must be the same. See docs/conformance.md.
package packets
