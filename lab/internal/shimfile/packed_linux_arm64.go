package shimfile

import _ "embed"

//go:embed linux_arm64.gz
var packed []byte
