package deps

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	codeSpan = regexp.MustCompile("`([a-z0-9_]+(?:/[A-Za-z0-9_.*-]+)+)`")
	mdLink   = regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)
)

// TestDocsNameWhatExists wants every file that the documentation names or links to.
func TestDocsNameWhatExists(t *testing.T) {
	root := "../.."
	docs, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(root + "/docs/scenarios/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range append(append(docs, pages...), root+"/README.md") {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range codeSpan.FindAllStringSubmatch(string(text), -1) {
			if first, _, _ := strings.Cut(m[1], "/"); !isRoom(first) {
				continue // a sysctl, a package of others
			}
			if found, _ := filepath.Glob(filepath.Join(root, m[1])); len(found) == 0 {
				t.Errorf("%s names %s, which does not exist", doc, m[1])
			}
		}
		for _, m := range mdLink.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", doc, m[1], err)
			}
		}
	}
}

func isRoom(dir string) bool {
	_, ok := rooms[dir]
	return ok || dir == "internal" || dir == "docs"
}
