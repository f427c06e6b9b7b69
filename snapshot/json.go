package snapshot

import "io"

// json reads JSON documents of ip -j.
func (l *loader) json(r io.Reader, d document, line int, command string) error {
	l.warn.addf(Skipped, d.name, d.line+line+1, "JSON is not read yet")
	return nil
}
