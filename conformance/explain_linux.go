//go:build linux

package conformance

import "github.com/rulewalk/rulewalk/rpdb"

// explain names why a difference says nothing about the engine, or returns nothing.
// Each reason is told in docs/exclusions.md.
func (w *worker) explain(db *rpdb.Database, m *Mismatch) string {
	return ""
}
