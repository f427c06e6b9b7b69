package conformance

import "testing"

// The engine decides every query of the corpus from the recorded states as the
// kernel did.
func TestCorpusEngine(t *testing.T) {
	engine, answered := &EngineDecider{}, 0
	for _, c := range loadCorpus(t) {
		t.Run(c.Name, func(t *testing.T) {
			outcomes, err := Run(c, engine)
			if err != nil {
				t.Fatal(err)
			}
			for i := range outcomes {
				switch o := &outcomes[i]; {
				case !o.OK():
					t.Error(o)
				case o.Skipped == "":
					answered++
				}
			}
		})
	}
	t.Logf("%d lookups answered as recorded", answered)
}
