package lab_test

import (
	"fmt"
	"io"
	"net/http"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/netns"
)

// A web server and a client of package net/http, on two hosts with a router between them.
func Example() {
	world, err := lab.NewServer("example", netns.Config{})
	if err != nil {
		panic(err)
	}
	defer world.Close()
	host := map[string]*lab.Host{}
	for _, name := range []string{"client", "router", "server"} {
		if _, err := world.AddHost(name); err != nil {
			panic(err)
		}
		if host[name], err = world.Host(name); err != nil {
			panic(err)
		}
	}
	_ = lab.Link(host["client"], "eth0", host["router"], "eth0")
	_ = lab.Link(host["router"], "eth1", host["server"], "eth0")
	for _, c := range []struct{ host, line string }{
		{"client", "ip addr add 10.0.1.2/24 dev eth0"},
		{"client", "ip route add default via 10.0.1.1"},
		{"router", "ip addr add 10.0.1.1/24 dev eth0"},
		{"router", "ip addr add 10.0.2.1/24 dev eth1"},
		{"router", "sysctl -w net.ipv4.ip_forward=1"},
		{"server", "ip addr add 10.0.2.2/24 dev eth0"},
		{"server", "ip route add default via 10.0.2.1"},
	} {
		if _, err := host[c.host].Command(c.line); err != nil {
			panic(err)
		}
	}

	l, err := host["server"].Listen("tcp", "10.0.2.2:80")
	if err != nil {
		panic(err)
	}
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, "hello,", r.RemoteAddr[:8])
		}))
	}()

	client := http.Client{Transport: &http.Transport{DialContext: host["client"].DialContext}}
	r, err := client.Get("http://10.0.2.2/")
	if err != nil {
		panic(err)
	}
	defer func() { _ = r.Body.Close() }()
	b, _ := io.ReadAll(r.Body)
	fmt.Print(string(b))
	// Output: hello, 10.0.1.2
}
