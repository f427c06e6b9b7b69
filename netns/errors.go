package netns

import (
	"fmt"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// fail refuses a request with an errno and the kernel's text (NL_SET_ERR_MSG), which
// is empty where the kernel gives none.
func fail(errno rpdb.Errno, msg string) *rtnl.Error { return &rtnl.Error{Errno: errno, Msg: msg} }

// failf is fail with a text that is put together.
func failf(errno rpdb.Errno, format string, args ...any) *rtnl.Error {
	return fail(errno, fmt.Sprintf(format, args...))
}
