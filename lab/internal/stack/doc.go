// Package stack is the sockets of one emulated host: TCP, UDP, ping and raw, as
// Linux has them, over a Network that routes and carries whole IP packets.
//
// Source addresses, the routes of sockets, binding to addresses and devices, which
// socket gets a packet, what an ICMP error means to it, and the errnos are decided
// here, after the kernel's functions named in the comments. Datagram sockets are
// wholly this package's. A TCP connection's stream (segments, acknowledgments,
// retransmission, windows, congestion control) is gVisor's, which sees neither
// addresses nor routes: an IP layer of our own below it (netendpoint.go) hands its
// segments to the Network, and segments that arrive are given to the endpoint that the
// kernel would choose. gVisor's part is made at the first TCP socket of a host;
// an idle host costs a few hundred bytes.
//
// Where TCP differs from Linux 6.18:
//
//   - Congestion control is gVisor's CUBIC without HyStart++ tuning; there is no
//     pacing, no TSO or autocorking, no RACK (losses are found by SACK and by
//     timers), no ECN, no fast open, no syncookies before 4,096 half-open connections.
//   - Acknowledgments are sent for every batch of segments that was read together,
//     not delayed by a timer; selective acknowledgments ride on segments without
//     data only. Windows after the handshake are gVisor's, a unit or two beside Linux's.
//   - tcp_rmem, tcp_wmem and tcp_sack are read when the host makes its first TCP socket.
//   - Timestamps are always offered (net.ipv4.tcp_timestamps is not read), with
//     an offset of gVisor's.
//   - Accepted connections have the options of their listener; what is changed
//     later on the listener changes nothing, and tcp_fwmark_accept is not read.
//   - Connections in TIME-WAIT last 60 seconds and do not keep a listener from their
//     port; their ports are not reused early (net.ipv4.tcp_tw_reuse).
//   - tcp_syn_retries above 6 counts as 6.
//
// Multicast groups are not joined: sockets get what the datapath delivers, as with
// IP_MULTICAST_ALL.
package stack
