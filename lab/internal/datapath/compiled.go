package datapath

import (
	"github.com/rulewalk/rulewalk/fib"
	"github.com/rulewalk/rulewalk/rpdb"
)

// compiled is the database of a host, and the same compiled by package fib once it has
// been asked so often that this pays: a host whose routes change, or that sends little,
// keeps to the former.
type compiled struct {
	db    *rpdb.Database
	asked int
	fast  *rpdb.Database // nil: it was not compiled
}

// compileAfter is how many lookups cost as much as compiling does, beside one for each
// route.
const compileAfter = 2000

// of returns what answers for a database. after is [Config.CompileAfter].
func (c *compiled) of(db *rpdb.Database, after int) *rpdb.Database {
	if c.db != db {
		*c = compiled{db: db}
	}
	if c.fast != nil {
		return c.fast
	}
	if c.asked++; !c.pays(after) {
		return db
	}
	c.fast = db
	if f, err := fib.Compile(db); err == nil { // else it has too many routes
		c.fast = f.Database()
	}
	return c.fast
}

func (c *compiled) pays(after int) bool {
	if after == 0 {
		return c.asked > compileAfter && c.asked > compileAfter+len(c.db.State().Routes)
	}
	return after > 0 && c.asked > after
}
