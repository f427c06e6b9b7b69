package explain

// Schema names the version of the JSON document. Keys may be added to a version;
// they are never renamed and never change their meaning.
const Schema = "rulewalk.walk/v1"

// View is a decision made ready to be shown. Its JSON form is the document that
// rulewalk why --json prints.
type View struct {
	Schema string `json:"schema"`
	Answer string `json:"answer"` // one plain sentence
	State  string `json:"state,omitempty"`

	Flow     FlowView     `json:"flow"`
	FastPath bool         `json:"fast_path,omitempty"`
	Direct   bool         `json:"direct,omitempty"`
	Steps    []StepView   `json:"steps"`
	Lookups  []LookupView `json:"lookups,omitempty"` // the other lookups, such as the way back to the source
	Checks   []CheckView  `json:"checks,omitempty"`
	Decision DecisionView `json:"decision"`
	Legs     []LegView    `json:"legs,omitempty"`
	Source   SourceView   `json:"source"`

	Alternatives []AlternativeView `json:"alternatives,omitempty"`
	WouldPass    []WouldPassView   `json:"would_pass,omitempty"`

	Kernel   KernelView    `json:"kernel"`
	Unknown  []UnknownView `json:"unknown"`
	Outside  []OutsideView `json:"outside"`
	Notes    []string      `json:"notes,omitempty"`
	Warnings []string      `json:"warnings,omitempty"`
}

// FlowView is the question.
type FlowView struct {
	Family    string   `json:"family"`
	Direction string   `json:"direction"` // output or input
	Dst       string   `json:"dst"`
	Src       string   `json:"from,omitempty"`
	IIF       string   `json:"iif,omitempty"`
	OIF       string   `json:"oif,omitempty"`
	Mark      uint32   `json:"mark"`
	TOS       uint8    `json:"tos"`
	UID       uint32   `json:"uid"`
	IPProto   string   `json:"ipproto,omitempty"`
	SPort     uint16   `json:"sport,omitempty"`
	DPort     uint16   `json:"dport,omitempty"`
	FlowLabel uint32   `json:"flowlabel,omitempty"`
	TunID     uint64   `json:"tun_id,omitempty"`
	Unknown   []string `json:"unknown,omitempty"`
}

// StepView is one rule and what became of it.
type StepView struct {
	Pref    *uint32 `json:"pref"` // null where a table was searched without a rule
	Rule    string  `json:"rule"`
	Verdict string  `json:"verdict"`
	Reason  string  `json:"reason"`

	Selectors []SelectorView `json:"selectors,omitempty"`
	Table     string         `json:"table,omitempty"`
	Routes    []RouteView    `json:"routes,omitempty"`
	Uncovered int            `json:"uncovered,omitempty"` // routes that do not cover the destination
	Error     string         `json:"error,omitempty"`

	kind string // steps of one kind next to each other can be told together
}

// SelectorView is one selector of a rule against the flow.
type SelectorView struct {
	Selector string `json:"selector"`
	OK       bool   `json:"ok"`
	Wanted   string `json:"wanted"`
	Got      string `json:"got"`
}

// RouteView is a route that covers the destination, and why it won or lost.
type RouteView struct {
	Route   string `json:"route"`
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`

	short string // the route without what does not matter here
}

// LookupView is a lookup made besides that of the packet itself.
type LookupView struct {
	Purpose  string     `json:"purpose"`
	Dst      string     `json:"dst"`
	Src      string     `json:"from,omitempty"`
	IIF      string     `json:"iif,omitempty"`
	OIF      string     `json:"oif,omitempty"`
	Mark     uint32     `json:"mark,omitempty"`
	FastPath bool       `json:"fast_path,omitempty"`
	Steps    []StepView `json:"steps"`
	Error    string     `json:"error,omitempty"`
	Result   string     `json:"result"`

	title string
}

// CheckView is a test outside the tables.
type CheckView struct {
	Check  string `json:"check"`
	Dev    string `json:"dev,omitempty"`
	Value  int    `json:"value"`
	Passed bool   `json:"passed"`
	Drop   string `json:"drop,omitempty"`
	Text   string `json:"text"`

	left, right string
}

// DecisionView is the answer.
type DecisionView struct {
	Type         string   `json:"type,omitempty"`
	Rule         *uint32  `json:"rule"`
	Table        string   `json:"table,omitempty"`
	Prefix       string   `json:"prefix,omitempty"`
	Via          string   `json:"via,omitempty"`
	Dev          string   `json:"dev,omitempty"`
	Src          string   `json:"src,omitempty"`
	Metric       uint32   `json:"metric"`
	Error        string   `json:"error,omitempty"`
	Drop         string   `json:"drop,omitempty"`
	Undetermined bool     `json:"undetermined,omitempty"`
	Depends      []string `json:"depends,omitempty"`
}

// LegView is one way of a multipath route.
type LegView struct {
	Via     string  `json:"via,omitempty"`
	Dev     string  `json:"dev"`
	Src     string  `json:"src,omitempty"`
	Share   float64 `json:"share"`
	Chosen  bool    `json:"chosen,omitempty"`
	Skipped string  `json:"skipped,omitempty"`
}

// SourceView is the source address and how it was chosen.
type SourceView struct {
	Addr       string          `json:"addr,omitempty"`
	How        string          `json:"how"`
	Reason     string          `json:"reason"`
	Candidates []CandidateView `json:"candidates,omitempty"`
}

// CandidateView is an address that could have been the source.
type CandidateView struct {
	Addr   string         `json:"addr"`
	Dev    string         `json:"dev"`
	Chosen bool           `json:"chosen"`
	Reason string         `json:"reason"`
	Scores map[string]int `json:"scores,omitempty"`
}

// AlternativeView is the answer for other values of fields that nobody knows.
type AlternativeView struct {
	If     map[string]string `json:"if"` // the fields and their values
	Answer string            `json:"answer"`

	condition []string
}

// WouldPassView is a setting that would let a dropped packet pass.
type WouldPassView struct {
	Setting string `json:"setting"`
	Answer  string `json:"answer"`
}

// KernelView is the running kernel's answer to the same question.
type KernelView struct {
	Asked    bool     `json:"asked"`
	Agrees   bool     `json:"agrees"`
	Reply    string   `json:"reply,omitempty"`
	Expected string   `json:"expected,omitempty"`
	Differs  []string `json:"differs,omitempty"`
	Why      string   `json:"why,omitempty"` // why it was not asked
	Release  string   `json:"release,omitempty"`
}

// UnknownView is something that the state does not tell.
type UnknownView struct {
	What    string `json:"what"`
	Assumed string `json:"assumed,omitempty"`
	Effect  string `json:"effect,omitempty"`
}

// OutsideView is something outside the model that may change what happens.
type OutsideView struct {
	Topic string `json:"topic"`
	Text  string `json:"text"`
}
