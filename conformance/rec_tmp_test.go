//go:build linux
package conformance
import ("testing";"os";"strings";"path/filepath")
func TestRecTmp(t *testing.T) {
	for _, pat := range strings.Fields(os.Getenv("REC")) {
	files, _ := filepath.Glob("testdata/corpus/"+pat)
	for _, f := range files {
		b, _ := os.ReadFile(f)
		c, err := ParseCase(strings.TrimSuffix(strings.TrimPrefix(f, "testdata/corpus/"), ".txtar"), b)
		if err != nil { t.Error(err); continue }
		if err := Record(c); err != nil { t.Error(err); continue }
		os.WriteFile(f, c.Format(), 0o644)
	}}
}
