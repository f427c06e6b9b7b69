// Package topology is the language of lab's topologies and scenarios: hosts that are
// configured by their own ip lines, the cables between them, and a transcript of what
// people type on them and what they see. docs/topology.md describes it.
//
// [Read] takes a YAML file, or a txtar archive that holds one; what is wrong in it is
// told with its line and an excerpt. The package only reads and writes: package scenario
// brings a topology to life.
package topology
