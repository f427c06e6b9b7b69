package conformance

import "testing"

// The engine decides every query of the corpus from the recorded states as the
// kernel did.
func TestCorpusEngine(t *testing.T) {
	engine := &EngineDecider{}
	for _, c := range loadCorpus(t) {
		t.Run(c.Name, func(t *testing.T) {
			outcomes, err := Run(c, engine)
			if err != nil {
				t.Fatal(err)
			}
			for i := range outcomes {
				if o := &outcomes[i]; !o.OK() {
					t.Error(o)
				}
			}
		})
	}
}
