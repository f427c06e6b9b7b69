package rpdb_test

import (
	"fmt"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// A host with lo and eth0 10.0.2.15/24: why 127.0.0.2 goes to lo.
func Example() {
	db, err := seedHost().Build()
	if err != nil {
		panic(err)
	}
	w := db.Walk(&rpdb.Flow{Dst: netip.MustParseAddr("127.0.0.2")})
	d := w.Decision
	fmt.Println(d.Type, "dev", db.LinkName(d.OIF), "src", d.Src)
	fmt.Println("because of", d.Route.Dst)
	// Output:
	// local dev lo src 127.0.0.1
	// because of 127.0.0.0/8
}
