package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

// getRoute answers RTM_GETROUTE without NLM_F_DUMP (inet_rtm_getroute,
// inet6_rtm_getroute).
func getRoute(*request) error { return fail(rpdb.EOPNOTSUPP, "") }
