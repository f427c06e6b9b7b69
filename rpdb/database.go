package rpdb

// Database is a State compiled for lookups. It never changes, and all its methods
// are safe for concurrent use.
type Database struct {
	state State
}

// Build compiles the state. It fails only on contradictions that no kernel can be
// in, such as two devices with one index. The State must not be changed
// afterwards.
func (s *State) Build() (*Database, error) {
	return &Database{state: *s}, nil
}

// State returns the state that the database was built from. It must not be
// changed.
func (db *Database) State() *State { return &db.state }

// Lookup answers which way the flow goes. It does not allocate.
func (db *Database) Lookup(f *Flow) Decision { return Decision{} }

// Walk answers the same and tells why.
func (db *Database) Walk(f *Flow) *Walk { return &Walk{Flow: *f} }

// Legs lists the ways of the multipath route of a decision with their shares; nil
// if its route has a single way.
func (db *Database) Legs(d *Decision) []Leg { return nil }
