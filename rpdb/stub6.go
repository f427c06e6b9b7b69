package rpdb

// database6 is the IPv6 half of a Database.
type database6 struct{}

func (db *Database) build6([]*Route)                       {}
func (db *Database) decide6(f *Flow, w *Walk, d *Decision) {}
func (db *Database) legs6(f *Flow, d *Decision) []Leg      { return nil }
