package snapshot

import (
	_ "embed"

	"github.com/rulewalk/rulewalk/rpdb"
)

var (
	//go:embed example.txt
	exampleText string
	//go:embed example-old.txt
	exampleOldText string
)

// examples are the hosts that are built in, as their owner would paste them.
var examples = map[string]string{
	"example":     exampleText,
	"example-old": exampleOldText,
}

// exampleFacts are what no listing shows: the hosts that are built in have never
// had a rule changed or a local route added.
var exampleFacts = rpdb.Facts{CustomRules4: rpdb.No, CustomRules6: rpdb.No, CustomLocal4: rpdb.No}
