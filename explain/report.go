package explain

import (
	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Report is what is known about one decision: the walk, the database it was made
// from, and what the running kernel said.
type Report struct {
	DB   *rpdb.Database
	Walk *rpdb.Walk

	// Words says how names of tables, protocols and devices are written. Its Links
	// are taken from the database if they are nil.
	Words iproute2.Options

	// Source says where the state came from, such as "this host" or a file and its
	// time. Warnings is what that source could not tell.
	Source   string
	Warnings []string
	Notes    []string // remarks on the question, such as the address of a name

	// Given holds the fields of the flow that the asker set, so that a mark of 0
	// that was asked for differs from one that nobody thought of.
	Given rpdb.Fields

	Kernel KernelAnswer

	// WhatIf makes the view look for settings that would let a dropped packet pass.
	// Each costs a Build of the database.
	WhatIf bool
}

// KernelAnswer is what the running kernel answered to the same question.
type KernelAnswer struct {
	Asked   bool
	Why     string // why it was not asked
	Release string

	Agrees   bool
	Reply    string   // its answer, as ip route get prints it
	Expected string   // the answer that the walk leads to, in the same words
	Differs  []string // the fields that differ
}
