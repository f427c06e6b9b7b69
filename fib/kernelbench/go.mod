module github.com/rulewalk/rulewalk/fib/kernelbench

go 1.26.3

require (
	github.com/cilium/ebpf v0.12.3
	github.com/rulewalk/rulewalk v0.0.0
)

require (
	github.com/gaissmai/bart v0.30.0 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/mdlayher/netlink v1.11.2 // indirect
	github.com/mdlayher/socket v0.6.0 // indirect
	golang.org/x/exp v0.0.0-20250711185948-6ae5c78190dc // indirect
	golang.org/x/net v0.61.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/rulewalk/rulewalk => ../..
