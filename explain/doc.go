// Package explain tells a decision: from a [rpdb.Walk] it makes a [View], and from
// the View text for people ([Text]) and JSON for programs ([JSON]).
//
// The View holds every sentence and every figure once, so text, JSON and later the
// page cannot tell different stories. Rules and routes are written in iproute2's
// words.
package explain
